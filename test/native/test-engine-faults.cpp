// After an unloading, a closing or any fault everything is settled once, and the next answer is a fresh one's.

#include "check.h"
#include "gguf-file.h"
#include "support/requests.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

using namespace bllossom;
using namespace tiny;

namespace {

const temp_dir dir;

void unloading_and_closing_settle_what_is_open() {
    for (int round = 0; round < 20; round++) {
        loaded c(with([](auto & o) { o.n_seq_max = 2; }));
        std::vector<uint32_t> open;
        for (const auto & request : mixed_requests()) {
            open.push_back(c.generate(request));
            c.get().grant(open.back(), 3);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(round));
        if (round % 2) {
            open.push_back(c.evaluate({long_prompt(900).prompt, {}, 1}));
            c.get().request_close();
            c.get().request_close();
            open.push_back(c.generate(request_of("too late")));
            open.push_back(c.load(options_for()));
            CHECK(c.code(open.back()) == "ERR_CLOSED");
            c.get().close();
            c.get().close();
            CHECK(c.get().ended());
        } else {
            CHECK(c.code(c.unload()) == "");
        }
        for (const uint32_t id : open) {
            const std::string code = c.code(id);
            CHECK(code == "ERR_CLOSED" || code == "");
        }
        CHECK(c.every_id_settled_once());
    }
}

void closing_interrupts_a_load() {
    client * self = nullptr;
    client c([&self](engine & e) {
        if (self) {
            e.request_close(); // with the first progress event
        }
    });
    self = &c;
    CHECK(c.code(c.load(options_for())) == "ERR_CLOSED");
    self = nullptr;
}

/** Everything that an evaluation computes, bit by bit. */
bool same_bits(const evaluation & a, const evaluation & b) {
    const auto same = [](const std::vector<float> & x, const std::vector<float> & y) {
        return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
    };
    return same(a.logits, b.logits) && same(a.vision_features.at(0), b.vision_features.at(0)) &&
           same(a.cross_states.at(0), b.cross_states.at(0));
}

void after_any_fault_the_next_answer_is_a_fresh_ones() {
    const evaluate_request probe{prompt_of("look*here"), {image_of("z")}, 0};
    const auto request = request_of("say*it", {image_of("p")});
    const ids wanted   = solo(request);
    loaded fresh;
    const auto reference = fresh.settled(fresh.evaluate(probe)).result;

    std::mt19937 random(5);
    loaded c;
    for (int round = 0; round < 60; round++) {
        std::vector<uint32_t> open;
        for (size_t n = 1 + random() % 5; n > 0; n--) {
            switch (random() % 5) {
            case 0:
                open.push_back(c.generate(long_prompt(100 + random() % 900, 100)));
                break;
            case 1:
                open.push_back(c.generate(long_prompt(5000)));
                break;
            case 2:
                open.push_back(c.evaluate({prompt_of("a**b"), {image_of("q"), image_of("r", 1)}, 1}));
                break;
            default:
                open.push_back(c.generate(mixed_requests()[random() % 7]));
            }
        }
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
        for (const uint32_t id : open) {
            c.get().cancel(id);
        }
        for (const uint32_t id : open) {
            c.settled(id);
        }
        CHECK(same_bits(*c.settled(c.evaluate(probe)).result, *reference));
        CHECK(c.tokens(request) == wanted);
    }
    CHECK(c.every_id_settled_once());
}

/** A model whose embedding of `z` is NaN: what a damaged file does when its check is switched off. */
std::string poisoned_model() {
    const std::string path = dir.file("poisoned.gguf");
    tiny::write_model(path, {});
    const gguf_file file(path);
    const auto * embd = file.find_tensor("token_embd.weight");
    std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(std::streamoff(embd->offset + size_t('z') * 64 * sizeof(float)));
    for (int i = 0; i < 64; i++) {
        const float nan = std::nanf("");
        out.write(reinterpret_cast<const char *>(&nan), sizeof(nan));
    }
    return path;
}

void nan_of_one_request_stays_with_it() {
    auto options          = options_for(poisoned_model());
    options.check_tensors = false;
    const auto requests   = {request_of("abcdefgh"), request_of("ab*cdefgh", {image_of("p")}), long_prompt(100)};
    loaded c(options);
    // the last one leaves NaN behind in cells that share a tile of the attention with those of the 100 tokens
    for (const std::string & poison : {std::string(42, 'z'), std::string("z*zzzzzzzz"), std::string("aaaaaaaaz"),
                                       std::string(100, 'a') + std::string(50, 'z')}) {
        const bool has_image = poison.find('*') != std::string::npos;
        std::vector<image_input> images;
        if (has_image) {
            images.push_back(image_of("q"));
        }
        for (const auto & request : requests) {
            CHECK(c.code(c.generate(request_of(poison, images))) == "ERR_MODEL_OUTPUT");
            CHECK(c.tokens(request) == solo(request));
            CHECK(c.code(c.evaluate({prompt_of(poison), images, 0})) == "");
            CHECK(c.tokens(request) == solo(request));
        }
    }
    CHECK(c.every_id_settled_once());
}

void a_kept_image_that_met_nan_is_let_go() {
    auto options             = options_for(poisoned_model());
    options.check_tensors    = false;
    options.context.n_images = 1;
    loaded c(options);
    const uint32_t kept = c.encode_image(image_of("q"));
    CHECK(c.code(kept) == "");
    CHECK(c.code(c.generate(request_of("z*zz", {image_of("q")}))) == "ERR_MODEL_OUTPUT");
    CHECK(c.run(request_of("a*b", {image_of("q")})).stats.n_images_encoded == 1); // not from the slot that was read
    CHECK(c.code(c.generate(request_of("a*b", {image_of("p")}))) == "" && c.code(c.release_image(kept)) == "");
    CHECK(c.every_id_settled_once());
}

} // namespace

int main() {
    unloading_and_closing_settle_what_is_open();
    closing_interrupts_a_load();
    after_any_fault_the_next_answer_is_a_fresh_ones();
    nan_of_one_request_stays_with_it();
    a_kept_image_that_met_nan_is_let_go();
    return check::summary();
}
