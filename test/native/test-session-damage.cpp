// Session files that are damaged, or were made to do harm: each is a typed error, and the caches stay as they were.

#include "check.h"
#include "checksum.h"
#include "gguf-writer.h"
#include "session-index.h"
#include "support/gguf-image.h"
#include "support/requests.h"
#include "support/temp-dir.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

using namespace bllossom;
using namespace tiny;

namespace {

const temp_dir dir;
const std::string session  = dir.file("session.gguf");
constexpr int32_t id_image = 263, n_rows_of_image = 4 * 5, n_embd_kv = 32; // of the tiny model
const std::vector<int32_t> self_layers = {0, 2, 4}, cross_layers = {1, 3};

std::string bytes_of(const std::string & path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::string & path, const std::string & bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

const generate_request saved_prompt = request_of("*saved", {image_of("p")}, 4);
const generate_request own_prompt   = request_of("*my own one", {image_of("q")}, 4);

/** A session of two prompts and an image. */
std::string sound_session() {
    loaded c;
    c.run(request_of("*sad", {image_of("p")}, 2));
    c.run(saved_prompt);
    CHECK(c.settled(c.save_session(session)).session.n_prompts == 2);
    return bytes_of(session);
}

/** An engine that has computed something of its own, and is given files. */
class victim {
  public:
    victim() { engine_.run(own_prompt); }

    /** The code of the error that a file is; "" for none. */
    std::string load(const std::string & bytes) {
        write_bytes(session, bytes);
        return engine_.code(engine_.load_session(session));
    }

    std::string message() { return engine_.settled(engine_.load_session(session)).text; }

    bool is_as_before() {
        const event own = engine_.run(own_prompt);
        const bool same = own.tokens == own_answer_ && own.stats.n_reused == own.stats.n_prompt - 1 &&
                          own.stats.n_images_encoded == 0;
        const event saved = engine_.run(saved_prompt);
        const bool is_new = saved.tokens == saved_answer_ && saved.stats.n_reused == 0;
        forget_saved();
        return same && is_new;
    }

    /** A file that was accepted may change no answer. */
    bool answers_right() {
        const bool right = engine_.tokens(saved_prompt) == saved_answer_ && engine_.tokens(own_prompt) == own_answer_;
        forget_saved();
        return right;
    }

  private:
    void forget_saved() {
        engine_.settled(engine_.clear_caches());
        engine_.run(own_prompt);
    }

    loaded engine_;
    ids own_answer_ = solo(own_prompt), saved_answer_ = solo(saved_prompt);
};

bool is_refusal(const std::string & code) {
    return code == "ERR_MODEL_FORMAT" || code == "ERR_MODEL_UNSUPPORTED";
}

void every_truncation_is_refused() {
    const std::string good = sound_session();
    const size_t n_header  = gguf_image::parse(good).header_bytes();
    victim v;
    for (size_t n = 0; n < good.size(); n += n < n_header + 64 ? 1 : 97) {
        const std::string code = v.load(good.substr(0, n));
        if (!is_refusal(code)) {
            std::fprintf(stderr, "%zu of %zu bytes: %s\n", n, good.size(), code.c_str());
        }
        CHECK(is_refusal(code));
    }
    CHECK(v.is_as_before());
    CHECK(v.load(good) == "" && v.answers_right());
}

/** Bits of the header, and of the numbers here and there. */
void a_flipped_bit_is_refused_or_changes_nothing() {
    const std::string good = sound_session();
    const size_t n_header  = gguf_image::parse(good).header_bytes();
    std::mt19937 random(1);
    victim v;
    size_t n_accepted = 0, n = 0;
    for (size_t i = 0; i < good.size(); i += i < n_header ? 1 : 1 + random() % 97) {
        for (int bit = 0; bit < 8; bit++) {
            if (i >= n_header && bit != int(random() % 8)) {
                continue;
            }
            std::string bytes = good;
            bytes[i] ^= char(1 << bit);
            const std::string code = v.load(bytes);
            n++;
            if (code.empty()) {
                n_accepted++;
                CHECK(v.answers_right());
            } else {
                CHECK(is_refusal(code));
            }
            if (n % 200 == 0) {
                CHECK(v.is_as_before());
            }
        }
    }
    std::printf("%zu flipped bits, %zu of them without meaning\n", n, n_accepted);
    CHECK(v.is_as_before() && n_accepted < n / 20); // padding, and the name of the model
}

// --- files whose checksums are right
// ----------------------------------------------------------------------------------

/** A file made by hand: any index, and the same number in every place. */
struct forged {
    session_index index;
    float number     = 0.5f;
    int64_t n_rows   = -1; // -1: as the index says
    int64_t n_images = -1;

    std::string bytes() {
        static const std::string good = sound_session();
        write_bytes(session, good);
        const gguf_file file(session);
        const session_owner owner{std::string(file.get_str("session.model")), "tiny mllama", cache_type::f32,
                                  row_mode::hf};
        const int64_t n_self  = n_rows < 0 ? index.n_rows() : n_rows;
        const int64_t n_cross = (n_images < 0 ? int64_t(index.images.size()) : n_images) * n_rows_of_image;
        std::vector<tensor_plan> plan;
        for (int32_t il = 0; il < 5; il++) {
            const int64_t n = il % 2 == 0 ? n_self : n_cross;
            for (const char * kind : {"k", "v"}) {
                if (n > 0) {
                    plan.push_back({format("blk.%d.%s", il, kind), "F32", {n_embd_kv, n}});
                }
            }
        }
        std::string rows;
        for (const tensor_plan & tensor : plan) {
            const std::vector<float> numbers(size_t(n_embd_kv * tensor.ne[1]), number);
            checksum sum;
            sum.add(numbers.data(), numbers.size() * sizeof(float));
            index.checksums.push_back(sum.text());
            rows.append(reinterpret_cast<const char *>(numbers.data()), numbers.size() * sizeof(float));
        }
        const std::string path = dir.file("forged");
        {
            gguf_writer writer(path, to_metadata(index, owner), plan, 1);
            for (size_t i = 0; i < plan.size(); i++) { // the writer refuses NaN
                const std::vector<uint8_t> zeros(size_t(n_embd_kv * plan[i].ne[1]) * sizeof(float));
                writer.write_stored(i, zeros.data(), zeros.size());
            }
            writer.finish();
        }
        const std::string header = bytes_of(path).substr(0, size_t(std::filesystem::file_size(path)) - rows.size());
        return header + rows; // rows of 32 floats need no padding
    }
};

session_prompt prompt_of_tokens(const ids & tokens, const std::vector<std::string> & images = {}, int32_t parent = -1,
                                int32_t n_shared = 0) {
    return {{tokens, images}, parent, n_shared};
}

forged with_prompts(std::vector<session_prompt> prompts, std::vector<std::string> images = {}) {
    forged file;
    file.index.prompts = std::move(prompts);
    file.index.images  = std::move(images);
    return file;
}

void what_cannot_be_is_refused_by_name() {
    victim v;
    const auto refused = [&](forged file, const std::string & what) {
        const std::string code = v.load(file.bytes()), message = v.message();
        const bool right = code == "ERR_MODEL_FORMAT" && message.find(what) != std::string::npos;
        if (!right) {
            std::fprintf(stderr, "expected \"%s\": %s %s\n", what.c_str(), code.c_str(), message.c_str());
        }
        return right;
    };
    const session_prompt plain = prompt_of_tokens({1, 2, 3});
    CHECK(v.load(with_prompts({plain, prompt_of_tokens({1, 2, 4}, {}, 0, 2)}, {"other"}).bytes()) == "");
    CHECK(v.answers_right());
    // an image token that was generated has no image
    CHECK(v.load(with_prompts({prompt_of_tokens({1, id_image, 2}), prompt_of_tokens({id_image, id_image}, {"q"})})
                     .bytes()) == "");
    CHECK(v.answers_right());

    CHECK(refused(with_prompts({prompt_of_tokens({1, -1})}), "a token that the model does not know"));
    CHECK(refused(with_prompts({prompt_of_tokens({1, 100000})}), "a token that the model does not know"));
    CHECK(refused(with_prompts({plain, prompt_of_tokens({1, 2, 4}, {}, 1, 2)}), "not before it"));
    CHECK(refused(with_prompts({plain, prompt_of_tokens({1, 2, 4}, {}, -1, 2)}), "not before it"));
    CHECK(refused(with_prompts({plain, prompt_of_tokens({1, 2, 4}, {}, 7, 2)}), "not before it"));
    CHECK(refused(with_prompts({plain, prompt_of_tokens({1, 2, 4}, {}, 0, 0)}), "not before it"));
    CHECK(refused(with_prompts({plain, prompt_of_tokens({1, 2, 3, 4, 5}, {}, 0, 4)}), "more rows than there are"));
    CHECK(refused(with_prompts({plain, prompt_of_tokens({1, 2, 3}, {}, 0, 3)}), "no rows of its own"));
    CHECK(refused(with_prompts({prompt_of_tokens({})}), "no rows of its own"));
    CHECK(refused(with_prompts({plain, prompt_of_tokens({1, 2, 4}, {"p"}, 0, 2)}), "not its own"));
    CHECK(refused(with_prompts({plain}, {"p", "p"}), "an image twice"));
    CHECK(refused(with_prompts({plain}, {""}), "without a key"));
    CHECK(refused(with_prompts(std::vector<session_prompt>(1025, plain)), "1025 prompts"));

    const auto with_number = [&](float number) {
        forged file = with_prompts({plain}, {"p"});
        file.number = number;
        return file;
    };
    CHECK(refused(with_number(std::nanf("")), "NaN or infinity"));
    CHECK(refused(with_number(INFINITY), "NaN or infinity"));
    forged short_rows     = with_prompts({plain});
    short_rows.n_rows     = 2;
    forged long_rows      = with_prompts({plain});
    long_rows.n_rows      = 4;
    forged short_images   = with_prompts({}, {"p", "q"});
    short_images.n_images = 1;
    forged no_rows        = with_prompts({plain});
    no_rows.n_rows        = 0;
    CHECK(refused(short_rows, "\"blk.0.k\"") && refused(long_rows, "\"blk.0.k\""));
    CHECK(refused(short_images, "\"blk.1.k\"") && refused(no_rows, "0 tensors"));
    CHECK(v.is_as_before());
}

/** Prompts that begin with each other, each one token longer: more in all than a session may have. */
void a_session_cannot_grow_in_memory_without_end() {
    std::vector<session_prompt> prompts = {prompt_of_tokens(ids(5000, 7))};
    while (prompts.size() < 1024) {
        session_prompt next = prompts.back();
        next.parent         = int32_t(prompts.size()) - 1;
        next.n_shared       = int32_t(next.source.tokens.size());
        next.source.tokens.push_back(8);
        prompts.push_back(next);
    }
    victim v;
    CHECK(v.load(with_prompts(prompts).bytes()) == "ERR_MODEL_FORMAT");
    CHECK(v.message().find("longer than it may be") != std::string::npos && v.is_as_before());
}

/** What is loaded is not believed more than what is computed: an answer that becomes NaN takes it along. */
void numbers_that_spoil_an_answer_are_forgotten_with_it() {
    loaded c;
    c.run(own_prompt);
    const ids tokens = c.settled(c.evaluate({saved_prompt.prompt, saved_prompt.images, 0})).result->tokens;
    forged file      = with_prompts({prompt_of_tokens(tokens, {"p"})}, {"p"});
    file.number      = 3e38f;
    write_bytes(session, file.bytes());
    CHECK(c.settled(c.load_session(session)).session.n_images == 1);
    CHECK(c.code(c.generate(saved_prompt)) == "ERR_MODEL_OUTPUT");
    CHECK(c.tokens(saved_prompt) == solo(saved_prompt) && c.tokens(own_prompt) == solo(own_prompt));
}

} // namespace

int main() {
    every_truncation_is_refused();
    a_flipped_bit_is_refused_or_changes_nothing();
    what_cannot_be_is_refused_by_name();
    a_session_cannot_grow_in_memory_without_end();
    numbers_that_spoil_an_answer_are_forgotten_with_it();
    return check::summary();
}
