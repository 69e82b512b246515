// How fast: every command loads a model, warms up once, and prints one value for each repetition.

#include "commands.h"
#include "json-line.h"
#include "session.h"
#include "workload.h"

#include <chrono>

namespace bench {

using namespace bllossom;

namespace {

constexpr int64_t most_tokens = 1 << 20;
constexpr int32_t warm_up     = 8; // tokens

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct speed_options {
    engine_options engine;
    int32_t n_repeat;
    int32_t n_tiles;
    int32_t n_tokens;
    int64_t n_prompt;

    speed_options(const arguments & args, int32_t tokens, int64_t prompt)
        : engine(read_options(args, args.word(0, "the model"))), n_repeat(int32_t(args.integer("repeat", 3, 1, 1000))),
          n_tiles(int32_t(args.integer("tiles", 0, 0, 64))),
          n_tokens(int32_t(args.integer("tokens", tokens, 1, most_tokens))),
          n_prompt(args.integer("prompt", prompt, 1, most_tokens)) {}
};

generate_request make_request(workload & work, const speed_options & options, int32_t n_tokens) {
    return options.n_tiles > 0 ? work.picture(options.n_tiles, options.n_prompt, n_tokens)
                               : work.text(options.n_prompt, n_tokens);
}

void print(const char * name, const char * unit, const std::vector<double> & values) {
    json_line().add("name", name).add("unit", unit).add("values", values).print();
}

/** What is read off each of several runs that end with the first token; the run before them is not counted. */
std::vector<double> one_token_runs(const speed_options & options, double (*read)(const event &)) {
    session s;
    workload work(s.load(options.engine));
    s.run(make_request(work, options, 1));
    std::vector<double> values;
    for (int32_t i = 0; i < options.n_repeat; i++) {
        values.push_back(read(s.run(make_request(work, options, 1))));
    }
    return values;
}

} // namespace

void run_decode(const arguments & args) {
    const speed_options options(args, 128, 1);
    args.check_all_used();
    session s;
    workload work(s.load(options.engine));
    s.run(make_request(work, options, warm_up));
    std::vector<double> speeds;
    for (int32_t i = 0; i < options.n_repeat; i++) {
        // The first token belongs to the prompt: one more than the steps that are timed.
        const event done = s.run(make_request(work, options, options.n_tokens + 1));
        speeds.push_back((done.stats.n_generated - 1) / done.stats.decode_time);
    }
    print("decode", "tokens/s", speeds);
}

void run_prefill(const arguments & args) {
    const speed_options options(args, 1, 512);
    args.check_all_used();
    print("prefill", "tokens/s",
          one_token_runs(options, [](const event & done) { return done.stats.n_prompt / done.stats.prompt_time; }));
}

void run_image(const arguments & args) {
    const speed_options options(args, 1, 1);
    args.check_all_used();
    print("image", "ms", one_token_runs(options, [](const event & done) { return 1e3 * done.stats.encode_time; }));
}

void run_streams(const arguments & args) {
    speed_options options(args, 64, 32);
    const auto n_streams = int32_t(args.integer("streams", 8, 1, 1024));
    args.check_all_used();
    options.engine.n_seq_max = n_streams;
    if (options.n_tiles > 0) {
        options.engine.context.n_images = n_streams;
    }
    session s;
    workload work(s.load(options.engine));
    s.run(make_request(work, options, warm_up));
    std::vector<double> speeds;
    for (int32_t i = 0; i < options.n_repeat; i++) {
        std::vector<generate_request> requests;
        for (int32_t k = 0; k < n_streams; k++) {
            requests.push_back(make_request(work, options, options.n_tokens));
        }
        int64_t n_generated = 0;
        const auto start    = std::chrono::steady_clock::now();
        for (const event & done : s.run_all(std::move(requests))) {
            n_generated += done.stats.n_generated;
        }
        speeds.push_back(double(n_generated) / seconds_since(start));
    }
    print("streams", "tokens/s", speeds);
}

void run_load(const arguments & args) {
    speed_options options(args, 1, 1);
    args.check_all_used();
    options.engine.check_tensors = true;
    session s;
    s.load(options.engine); // fills the page cache
    std::vector<double> times;
    for (int32_t i = 0; i < options.n_repeat; i++) {
        const auto start = std::chrono::steady_clock::now();
        s.load(options.engine);
        times.push_back(1e3 * seconds_since(start));
    }
    print("load", "ms", times);
}

} // namespace bench
