// The ends of what there is: image slots, cells of the context, wrong requests. None of them is a crash.

#include "check.h"
#include "support/requests.h"

using namespace bllossom;
using namespace tiny;

namespace {

void images_are_encoded_once_and_evicted_when_room_is_needed() {
    loaded c(with([](auto & o) { o.context.n_images = 2; }));
    const auto encoded = [&](std::vector<image_input> images) {
        const size_t n = images.size();
        return c.run(request_of("x" + std::string(n, '*') + "y", std::move(images), 2)).stats.n_images_encoded;
    };
    CHECK(encoded({image_of("p")}) == 1 && encoded({image_of("p")}) == 0);
    CHECK(encoded({image_of("q")}) == 1 && encoded({image_of("p"), image_of("q")}) == 0);
    CHECK(encoded({image_of("r")}) == 1); // in place of p
    CHECK(encoded({image_of("q")}) == 0 && encoded({image_of("p")}) == 1);
    CHECK(c.code(c.clear_caches()) == "" && encoded({image_of("p")}) == 1);
    CHECK(c.code(c.generate(request_of("***", {image_of("p"), image_of("q"), image_of("r")}))) == "ERR_CONTEXT_FULL");

    const uint32_t a = c.generate(request_of("a*", {image_of("s")})), b = c.generate(request_of("b*", {image_of("s")}));
    CHECK(c.settled(a).stats.n_images_encoded + c.settled(b).stats.n_images_encoded == 1);
    CHECK(c.every_id_settled_once());
}

void a_request_waits_for_slots_that_a_parked_one_holds() {
    loaded c(with([](auto & o) { o.context.n_images = 1; }));
    auto parked          = request_of("a*", {image_of("p")});
    parked.credit        = 1;
    const uint32_t first = c.generate(parked);
    c.pieces(first, 1);
    const uint32_t second = c.generate(request_of("b*", {image_of("q")}));
    const uint32_t third  = c.generate(request_of("text")); // in line: first come, first served
    CHECK(c.code(c.evaluate({prompt_of("*"), {image_of("q")}, 0})) == "ERR_CONTEXT_FULL");
    CHECK(c.said(second).empty() && c.said(third).empty());
    c.get().grant(first, plenty);
    CHECK(c.code(first) == "" && c.code(second) == "" && c.code(third) == "");
}

void wrong_requests_are_refused_and_leave_no_trace() {
    loaded c;
    const auto code = [&](const std::function<void(generate_request &)> & change) {
        auto request = request_of("a*b", {image_of("p")});
        change(request);
        return c.code(c.generate(request));
    };
    CHECK(code([](auto & r) { r.images.clear(); }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.images.push_back(image_of("q")); }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.images[0].tiles.pop_back(); }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.images[0].key.clear(); }) == "ERR_INVALID_OPTION");
    for (const int32_t ratio : {0, -1, 9, INT32_MAX}) {
        CHECK(code([&](auto & r) { r.images[0].aspect_ratio_id = ratio; }) == "ERR_INVALID_OPTION");
    }
    for (const int32_t n_tiles : {0, 1, -4, INT32_MAX}) {
        CHECK(code([&](auto & r) { r.images[0].n_tiles = n_tiles; }) == "ERR_INVALID_OPTION");
    }
    CHECK(code([](auto & r) { r.prompt = {}, r.images = {}; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.prompt = {{prompt_part::kind::special, "<|nope|>", {}}}; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.prompt = {{prompt_part::kind::tokens, "", {264}}}; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.max_tokens = 0; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.max_tokens = INT32_MIN; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.stop = {"x", ""}; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.sampling.top_p = 0; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.max_tokens = INT32_MAX, r.stop = {std::string(1, '\x7f')}; }) == "");
    CHECK(c.tokens(request_of("abc")) == solo(request_of("abc")) && c.every_id_settled_once());
}

void the_context_is_used_to_its_last_cell() {
    for (const int64_t n_ctx : {1, 2, 3, 64, 256, 257, 300}) {
        loaded c(with([&](auto & o) { o.context.n_ctx = n_ctx; }));
        for (const int64_t n : {n_ctx - 1, n_ctx, n_ctx + 1, 10 * n_ctx}) {
            if (n < 1) {
                continue;
            }
            const uint32_t id = c.generate(long_prompt(size_t(n), 1000));
            if (n > n_ctx) {
                CHECK(c.code(id) == "ERR_CONTEXT_FULL");
                continue;
            }
            const event e = c.settled(id); // the last token needs no cell of its own
            CHECK(e.type == event::kind::done && e.reason == finish_reason::length);
            CHECK(int64_t(e.tokens.size()) == n_ctx - n + 1);
        }
        CHECK(c.code(c.generate(long_prompt(1, 1))) == "");
        CHECK(c.code(c.evaluate({long_prompt(size_t(n_ctx)).prompt, {}, 0})) == "");
        CHECK(c.code(c.evaluate({long_prompt(size_t(n_ctx + 1)).prompt, {}, 0})) == "ERR_CONTEXT_FULL");
        CHECK(c.every_id_settled_once());
    }
}

void requests_share_the_context_in_turn() {
    loaded c(with([](auto & o) { o.context.n_ctx = 256, o.n_seq_max = 8; }));
    std::vector<uint32_t> open;
    for (int i = 0; i < 12; i++) {
        open.push_back(c.generate(long_prompt(size_t(20 + 17 * i), 15)));
    }
    for (int i = 0; i < 12; i++) {
        CHECK(c.settled(open[size_t(i)]).tokens == solo(long_prompt(size_t(20 + 17 * i), 15)));
    }
}

void evaluation_fits_between_running_requests() {
    loaded c(with([](auto & o) { o.context.n_ctx = 256; }));
    const ids wanted = c.tokens(request_of("count", {}, 100));
    const event idle = c.settled(c.evaluate({prompt_of("a*b"), {image_of("p")}, 0}));
    auto slow        = request_of("count", {}, 100);
    slow.credit      = 1;
    const uint32_t a = c.generate(slow);
    c.pieces(a, 1);
    const event busy = c.settled(c.evaluate({prompt_of("a*b"), {image_of("p")}, 0}));
    CHECK(busy.type == event::kind::evaluated && busy.result->vision_features == idle.result->vision_features);
    CHECK(busy.result->cross_states == idle.result->cross_states && busy.result->logits.size() == size_t(3 * 263));
    CHECK(c.code(c.evaluate({long_prompt(255).prompt, {}, 0})) == "ERR_CONTEXT_FULL");
    CHECK(c.code(c.evaluate({prompt_of("a*b"), {}, 0})) == "ERR_INVALID_OPTION");
    c.get().grant(a, plenty);
    CHECK(c.settled(a).tokens == wanted);
}

} // namespace

int main() {
    images_are_encoded_once_and_evicted_when_room_is_needed();
    a_request_waits_for_slots_that_a_parked_one_holds();
    wrong_requests_are_refused_and_leave_no_trace();
    the_context_is_used_to_its_last_cell();
    requests_share_the_context_in_turn();
    evaluation_fits_between_running_requests();
    return check::summary();
}
