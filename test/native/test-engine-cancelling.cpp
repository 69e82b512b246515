// Cancelling from outside: in every state it settles its own request, and disturbs no other.

#include "check.h"
#include "support/requests.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <chrono>
#include <random>
#include <thread>

using namespace bllossom;
using namespace tiny;

namespace {

const temp_dir dir;

void cancelling_works_in_every_state() {
    auto endless      = request_of("on and on", {}, 900);
    auto parked       = endless;
    parked.credit     = 1;
    const auto c_text = std::string("abc");

    loaded c(with([](auto & o) { o.n_seq_max = 1; }));
    const ids wanted = c.tokens(request_of(c_text));

    const uint32_t first = c.generate(parked), queued = c.generate(endless);
    c.pieces(first, 1);
    c.get().cancel(queued);
    CHECK(c.code(queued) == "ERR_CANCELLED" && c.said(queued).size() == 1);
    c.get().cancel(first);
    c.get().cancel(first);
    CHECK(c.code(first) == "ERR_CANCELLED");

    const uint32_t decoding = c.generate(endless);
    c.pieces(decoding, 3);
    c.get().cancel(decoding);
    CHECK(c.code(decoding) == "ERR_CANCELLED");

    for (int delay = 0; delay < 40; delay += 4) { // prefill of single rows, wherever it may be by then
        const uint32_t prefill = c.generate(long_prompt(1000, 24));
        std::this_thread::sleep_for(std::chrono::milliseconds(delay));
        c.get().cancel(prefill);
        const event e = c.settled(prefill);
        CHECK(e.type == event::kind::done || e.code == error_code::cancelled);
    }
    const uint32_t evaluation = c.evaluate({long_prompt(1000).prompt, {}, 1});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    c.get().cancel(evaluation);
    CHECK(c.code(evaluation) == "ERR_CANCELLED");

    c.get().cancel(decoding); // settled long ago
    CHECK(c.tokens(request_of(c_text)) == wanted && c.every_id_settled_once());
}

void cancelling_while_an_image_is_encoded() {
    tiny::model_options big;
    big.image_size     = 280; // 401 rows per tile: an encode takes a while
    big.n_layer_vision = 8;
    tiny::write_model(dir.file("big.gguf"), big);
    loaded c(options_for(dir.file("big.gguf")));
    const auto request = request_of("x*y", {image_of("p", 6, 280)}, 8);
    const ids wanted   = solo(request, options_for(dir.file("big.gguf")));
    const uint32_t id  = c.generate(request);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const auto before = std::chrono::steady_clock::now();
    c.get().cancel(id);
    CHECK(c.code(id) == "ERR_CANCELLED");
    std::printf("cancelled in %.1f ms\n",
                std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count());
    const event again = c.run(request);
    CHECK(again.tokens == wanted && again.stats.n_images_encoded == 1); // what was broken off is not taken for cached
}

void cancelling_one_does_not_disturb_the_others() {
    const auto requests = mixed_requests();
    std::vector<ids> wanted;
    for (const auto & request : requests) {
        wanted.push_back(solo(request));
    }
    std::mt19937 random(3);
    loaded c;
    for (int round = 0; round < 20; round++) {
        std::vector<uint32_t> open;
        for (const auto & request : requests) {
            open.push_back(c.generate(request));
        }
        const size_t victim = random() % open.size();
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
        c.get().cancel(open[victim]);
        for (size_t i = 0; i < open.size(); i++) {
            const event e = c.settled(open[i]);
            CHECK(e.type == event::kind::done ? e.tokens == wanted[i] : i == victim && e.code == error_code::cancelled);
        }
    }
    CHECK(c.every_id_settled_once());
}

} // namespace

int main() {
    cancelling_works_in_every_state();
    cancelling_while_an_image_is_encoded();
    cancelling_one_does_not_disturb_the_others();
    return check::summary();
}
