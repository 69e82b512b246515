// Every malformed file must end in a typed error or in a run with finite results: never in a signal, never in a hang.
//
//   test-malformed-gguf                the gate, a few thousand cases
//   test-malformed-gguf --share 1      every case of the generator (tens of thousands)
//   test-malformed-gguf --keep 0.1     one in ten of whatever would run
//   test-malformed-gguf --only TEXT    the cases whose name contains TEXT, with their messages

#include "backend-libraries.h"
#include "error.h"
#include "support/malformed.h"
#include "support/ollama-image.h"
#include "support/patience.h"
#include "support/run-model.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <vector>

#include <fcntl.h>
#include <ggml.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace bllossom;

namespace {

constexpr unsigned time_limit_seconds = 5;
constexpr int ran                     = 0;
constexpr int first_code              = 10; // exit status of error code 0
constexpr int untyped                 = 90; // another exception than `error`

// A process under a sanitizer forks and ends many times slower.
#ifdef __SANITIZE_ADDRESS__
constexpr double default_keep = 0.5;
#else
constexpr double default_keep = 1.0;
#endif

struct options {
    double share = 0.006;        // of the large families, see malformed.h
    double keep  = default_keep; // of all cases
    std::string only;
};

/** In the child: ends the process with what happened. */
[[noreturn]] void run_and_exit(const std::string & path, bool verbose) {
    alarm(patient(time_limit_seconds));
    try {
        tiny::run_model(path);
        _exit(ran);
    } catch (const error & e) {
        if (verbose) {
            fprintf(stderr, "%s: %s\n", error_code_name(e.code()), e.what());
        }
        _exit(first_code + int(e.code()));
    } catch (const std::exception & e) {
        fprintf(stderr, "untyped exception: %s\n", e.what());
        _exit(untyped);
    }
}

struct result {
    std::string outcome;
    bool failed;
};

result judge(int status) {
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        return {signal == SIGALRM ? "hang" : "signal " + std::to_string(signal), true};
    }
    const int code = WEXITSTATUS(status);
    if (code == ran) {
        return {"ran", false};
    }
    const int typed = code - first_code;
    if (typed >= 0 && typed < n_error_codes) {
        return {error_code_name(error_code(typed)), error_code(typed) == error_code::internal};
    }
    return {"exit " + std::to_string(code), true};
}

/** Cases run in forked children, several at a time; a sample of them once more in this process, one after another. */
class campaign {
  public:
    explicit campaign(const options & o) : options_(o), random_(0), slots_(n_slots) {
        init_backends(); // once, not in every child
    }

    void run(const tiny::gguf_image & good, const std::string & title, uint32_t seed, double share) {
        start({"sound", title, good.serialize(), false});
        tiny::for_each_malformed(good, title, seed, share, [&](const tiny::malformed_case & one) {
            const bool kept = std::uniform_real_distribution<>()(random_) < options_.keep;
            if (kept && (options_.only.empty() || one.name.find(options_.only) != std::string::npos)) {
                start(one);
            }
        });
        while (n_running_ > 0) {
            finish_one();
        }
    }

    /** One process survives file after file; under a leak checker this also shows that a refusal frees everything. */
    void run_sample(const tiny::gguf_image & good) {
        for (const std::string & path : sample_) {
            try {
                tiny::run_model(path);
            } catch (const error &) {
                n_refused_here_++;
            }
        }
        const std::string path = dir_.file("good.gguf");
        write(path, good.serialize());
        tiny::run_model(path); // throws: the process is not usable any more
    }

    /** Prints the table; returns the process's exit status. */
    int report() const {
        std::map<std::string, std::map<std::string, int>> table = table_;
        for (const auto & [category, outcomes] : table_) {
            for (const auto & [outcome, count] : outcomes) {
                table["TOTAL"][outcome] += count;
            }
        }
        for (const auto & [category, outcomes] : table) {
            int sum = 0;
            for (const auto & [outcome, count] : outcomes) {
                sum += count;
            }
            printf("%-18s %6d:", category.c_str(), sum);
            for (const auto & [outcome, count] : outcomes) {
                printf("  %s %d", outcome.c_str(), count);
            }
            printf("\n");
        }
        printf("%zu files again in one process: %d refused, the sound model ran after them\n", sample_.size(),
               n_refused_here_);
        printf("peak memory of one case %ld MiB, slowest case %.0f ms, %d of %d failed\n", peak_kib_ >> 10, slowest_ms_,
               failures_, n_cases_);
        return failures_ == 0 && n_cases_ > 0 ? 0 : 1;
    }

  private:
    static constexpr size_t n_slots     = 2;
    static constexpr int sample_divisor = 50;

    /** A running child. */
    struct slot {
        pid_t pid = 0; // 0: free
        tiny::malformed_case one;
        int64_t start_us = 0;
    };

    static void write(const std::string & path, const std::string & bytes) {
        std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
    }

    std::string case_file(const slot & s, const char * name) const {
        return dir_.file(name + std::to_string(&s - slots_.data()));
    }

    void start(const tiny::malformed_case & one) {
        if (n_running_ == slots_.size()) {
            finish_one();
        }
        slot & s = *std::find_if(slots_.begin(), slots_.end(), [](const slot & other) { return other.pid == 0; });
        s.one    = one;
        const std::string path = case_file(s, "case");
        write(path, one.bytes);
        fflush(stdout);
        s.start_us = ggml_time_us();
        s.pid      = fork();
        if (s.pid == 0) {
            if (options_.only.empty()) {
                dup2(open(case_file(s, "log").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
            }
            run_and_exit(path, !options_.only.empty());
        }
        n_running_++;
    }

    void finish_one() {
        int status = 0;
        rusage usage{};
        const pid_t pid = wait4(-1, &status, 0, &usage);
        slot & s    = *std::find_if(slots_.begin(), slots_.end(), [&](const slot & other) { return other.pid == pid; });
        slowest_ms_ = std::max(slowest_ms_, double(ggml_time_us() - s.start_us) / 1000);
        peak_kib_   = std::max(peak_kib_, usage.ru_maxrss);
        s.pid       = 0;
        n_running_--;
        account(s, judge(status));
    }

    void account(const slot & s, result outcome) {
        const bool is_sound = s.one.category == "sound";
        if (is_sound && outcome.outcome != "ran") {
            outcome.failed = true; // or the campaign would test nothing
        }
        if (s.one.must_be_refused && outcome.outcome == "ran") {
            outcome = {"accepted", true};
        }
        if (!is_sound) {
            table_[s.one.category][outcome.outcome]++;
            n_cases_++;
        }
        if (outcome.failed) {
            failures_++;
            describe_failure(s, outcome);
        } else if (!options_.only.empty()) {
            printf("%s, %s: %s\n", s.one.category.c_str(), s.one.name.c_str(), outcome.outcome.c_str());
        }
        if (!outcome.failed && n_cases_ % sample_divisor == 0) {
            sample_.push_back(dir_.file("sample" + std::to_string(sample_.size())));
            write(sample_.back(), s.one.bytes);
        }
    }

    void describe_failure(const slot & s, const result & outcome) const {
        fprintf(stderr, "%s, %s: %s\n", s.one.category.c_str(), s.one.name.c_str(), outcome.outcome.c_str());
        std::ifstream log(case_file(s, "log"));
        std::string line;
        for (int i = 0; i < 12 && std::getline(log, line); i++) {
            fprintf(stderr, "    %s\n", line.c_str());
        }
    }

    const options & options_;
    const temp_dir dir_;
    std::mt19937 random_;
    std::vector<slot> slots_;
    size_t n_running_ = 0;

    std::map<std::string, std::map<std::string, int>> table_;
    std::vector<std::string> sample_;
    int n_cases_        = 0;
    int n_refused_here_ = 0;
    int failures_       = 0;
    long peak_kib_      = 0;
    double slowest_ms_  = 0;
};

options parse(int argc, char ** argv) {
    options o;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::string(argv[i]) == "--share") {
            o.share = std::stod(argv[i + 1]);
        } else if (std::string(argv[i]) == "--keep") {
            o.keep = std::stod(argv[i + 1]);
        } else if (std::string(argv[i]) == "--only") {
            o.only = argv[i + 1];
        }
    }
    return o;
}

tiny::gguf_image make_image(const tiny::model_options & model) {
    const temp_dir dir;
    const std::string path = dir.file("good.gguf");
    tiny::write_model(path, model);
    std::ifstream in(path, std::ios::binary);
    return tiny::gguf_image::parse({std::istreambuf_iterator<char>(in), {}});
}

/** The smallest model that has every kind of layer. */
tiny::model_options smallest() {
    tiny::model_options o;
    o.n_embd = o.n_ff = o.n_ff_vision = 32;
    o.n_head                          = 2;
    o.n_head_kv                       = 1;
    o.n_layer                         = 3;
    o.cross_layers                    = {1};
    o.n_layer_vision                  = 2;
    o.n_global_layer                  = 1;
    o.intermediates                   = {1};
    return o;
}

} // namespace

int main(int argc, char ** argv) {
    const options o = parse(argc, argv);
    campaign all(o);

    const auto f32   = smallest();
    const auto sound = make_image(f32);
    all.run(sound, "F32", 1, o.share);

    auto q8_0      = smallest();
    q8_0.type      = GGML_TYPE_Q8_0;
    q8_0.tied_head = true;
    all.run(make_image(q8_0), "Q8_0", 2, o.share);

    auto q4_k           = tiny::q4_k_options();
    q4_k.n_layer_vision = 2;
    q4_k.n_global_layer = 1;
    q4_k.intermediates  = {1};
    all.run(make_image(q4_k), "Q4_K", 3, o.share / 2);

    all.run(tiny::to_ollama_image(sound), "Ollama", 4, o.share / 2);
    all.run_sample(sound);
    return all.report();
}
