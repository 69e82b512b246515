// Prompts that begin like earlier ones: fewer rows are computed, and nothing else changes.

#include "check.h"
#include "gguf-file.h"
#include "support/requests.h"

using namespace bllossom;
using namespace tiny;

namespace {

const std::string long_text(200, 'x');

/** The prompt of the next turn: the last one, its answer, and more. */
generate_request next_turn(const generate_request & last, const ids & answer, const std::string & more) {
    generate_request next = last;
    next.prompt.push_back({prompt_part::kind::tokens, "", answer});
    next.prompt.push_back({prompt_part::kind::text, more, {}});
    return next;
}

void a_second_request_computes_what_is_new() {
    loaded c;
    const event first = c.run(request_of(long_text + "one"));
    CHECK(first.stats.n_reused == 0 && first.stats.n_prompt > 200);
    const event second = c.run(request_of(long_text + "two"));
    CHECK(second.stats.n_prompt == first.stats.n_prompt && second.stats.n_reused == first.stats.n_prompt - 3);
    CHECK(second.tokens == solo(request_of(long_text + "two")));
    const event again = c.run(request_of(long_text + "one")); // its last row gives the logits
    CHECK(again.stats.n_reused == first.stats.n_prompt - 1 && again.tokens == first.tokens);
    CHECK(c.run(request_of("quite" + long_text)).stats.n_reused == 0);
}

void images_belong_to_the_beginning() {
    for (const row_mode mode : {row_mode::hf, row_mode::meta}) {
        const auto options = with([&](auto & o) { o.context.mode = mode, o.context.n_images = 4; });
        loaded c(options);
        const auto check = [&](const generate_request & request, bool reuses) {
            const event e = c.run(request);
            CHECK((e.stats.n_reused > 20) == reuses && e.tokens == solo(request, options));
        };
        const std::string before(40, 'b');
        check(request_of("*" + before, {image_of("p")}), false);
        check(request_of("*" + before + "?", {image_of("p")}), true);
        check(request_of("*" + before + "?", {image_of("q")}), false);
        check(request_of("*" + before, {image_of("p")}), true);
        // what comes before an image sees all of them, in mode hf
        check(request_of(before), false);
        check(request_of(before + "*", {image_of("p")}), mode == row_mode::meta);
        check(request_of(before + "*!", {image_of("q")}), mode == row_mode::meta);
        check(request_of(before + "*!*", {image_of("q"), image_of("p")}), mode == row_mode::meta);
    }
}

void images_without_a_key_are_computed_every_time() {
    image_input image = image_of("p");
    image.key.clear();
    loaded c;
    for (int i = 0; i < 3; i++) {
        CHECK(c.run(request_of("*" + long_text, {image})).stats.n_reused == 0);
    }
}

void a_request_may_want_none_of_it() {
    loaded c;
    generate_request request = request_of(long_text);
    const event first        = c.run(request);
    request.reuses_rows      = false;
    const event fresh        = c.run(request);
    CHECK(fresh.stats.n_reused == 0 && fresh.tokens == first.tokens);
}

/** Where a sequence lies does not show, not in a bit. */
void computed_at_once_an_answer_is_the_same_at_every_place() {
    generate_request request = request_of(long_text, {}, 100);
    request.reuses_rows      = false;
    request.n_logprobs       = 0;
    loaded c(with([](auto & o) { o.context.kv_type = cache_type::f16, o.context.n_ctx = 4096; }));
    const event first = c.run(request);
    for (int i = 0; i < 12; i++) { // what others leave takes other cells each time
        c.run(request_of(std::string(size_t(50 + 60 * i), char('a' + i))));
        CHECK(c.run(request).logprobs->chosen == first.logprobs->chosen);
    }
}

void requests_at_the_same_time_compute_their_common_beginning_once() {
    std::vector<generate_request> requests;
    for (int i = 0; i < 6; i++) {
        requests.push_back(request_of(long_text + std::to_string(i)));
    }
    for (const int32_t n_batch : {512, 64}) {
        loaded c(with([&](auto & o) { o.n_seq_max = 4, o.context.n_ctx = 2048, o.context.n_batch = n_batch; }));
        std::vector<uint32_t> open;
        for (const auto & request : requests) {
            open.push_back(c.generate(request));
        }
        for (size_t i = 0; i < open.size(); i++) {
            const event e = c.settled(open[i]);
            // it waits for 32 rows or more
            CHECK(e.tokens == solo(requests[i]) && (i == 0 ? e.stats.n_reused == 0 : e.stats.n_reused > 168));
        }
    }
}

void a_full_cache_forgets_the_oldest_beginning() {
    const auto options = with([](auto & o) { o.context.n_ctx = 512, o.n_seq_max = 2; });
    loaded c(options);
    for (int i = 0; i < 12; i++) {
        const auto request = request_of(std::string(1, char('a' + i)) + long_text);
        CHECK(c.run(request).tokens == solo(request, options)); // each leaves 224 of 512 cells in use
    }
    CHECK(c.run(request_of("l" + long_text)).stats.n_reused == 200);
    CHECK(c.run(request_of("a" + long_text)).stats.n_reused == 0);
    CHECK(c.run(long_prompt(512, 1)).tokens.size() == 1); // all cells are there for who needs them
    CHECK(c.run(request_of("l" + long_text)).stats.n_reused == 0);
}

void clearing_forgets_beginnings_and_spares_those_in_use() {
    loaded c;
    c.run(request_of(long_text));
    CHECK(c.code(c.clear_caches()).empty());
    CHECK(c.run(request_of(long_text)).stats.n_reused == 0);

    generate_request slow = request_of(long_text + "slow", {}, 40);
    slow.credit           = 1;
    const uint32_t id     = c.generate(slow);
    c.pieces(id, 1);
    CHECK(c.code(c.clear_caches()).empty());
    CHECK(c.run(request_of(long_text + "slow too")).stats.n_reused > 200); // from one that is still there
    c.get().grant(id, plenty);
    CHECK(c.settled(id).tokens == solo(request_of(long_text + "slow", {}, 40)));
}

void a_cancelled_request_leaves_what_it_computed() {
    loaded c;
    generate_request slow = request_of(long_text, {}, 40);
    slow.credit           = 1;
    const uint32_t id     = c.generate(slow);
    c.pieces(id, 1);
    c.get().cancel(id);
    CHECK(c.code(id) == "ERR_CANCELLED");
    const event e = c.run(request_of(long_text, {}, 40));
    CHECK(e.stats.n_reused == e.stats.n_prompt - 1 && e.tokens == solo(request_of(long_text, {}, 40)));
}

void evaluations_compute_every_row_and_take_the_room_they_need() {
    loaded c;
    c.run(long_prompt(900));
    const event e = c.settled(c.evaluate({long_prompt(900).prompt, {}, 0}));
    CHECK(e.type == event::kind::evaluated && e.result->logits.size() == e.result->tokens.size() * 263);
}

/** Random conversations, side by side: turns that go on, begin anew and share documents. */
void reuse_never_shows_in_the_answers() {
    const std::vector<std::string> openings = {"a document " + long_text, "a document " + long_text + " more", "hi"};
    loaded c(with([](auto & o) { o.n_seq_max = 3, o.context.n_ctx = 1024, o.context.n_images = 3; }));
    for (int talk = 0; talk < 12; talk++) {
        const bool has_image = talk % 3 == 0;
        generate_request request =
            request_of((has_image ? "*" : "") + openings[size_t(talk) % 3],
                       has_image ? std::vector<image_input>{image_of("p")} : std::vector<image_input>{}, 12);
        for (int turn = 0; turn < 3; turn++) {
            request.n_lookup    = turn % 2 ? 15 : 0;
            const uint32_t here = c.generate(request), beside = c.generate(request_of(openings[0], {}, 12));
            const event e = c.settled(here);
            CHECK(c.code(beside).empty() && e.tokens == solo(request));
            CHECK(turn == 0 || e.stats.n_reused > e.stats.n_prompt / 2);
            request = next_turn(request, e.tokens, " and " + std::to_string(turn));
        }
    }
    CHECK(c.every_id_settled_once());
}

} // namespace

int main() {
    a_second_request_computes_what_is_new();
    images_belong_to_the_beginning();
    images_without_a_key_are_computed_every_time();
    a_request_may_want_none_of_it();
    computed_at_once_an_answer_is_the_same_at_every_place();
    requests_at_the_same_time_compute_their_common_beginning_once();
    a_full_cache_forgets_the_oldest_beginning();
    clearing_forgets_beginnings_and_spares_those_in_use();
    a_cancelled_request_leaves_what_it_computed();
    evaluations_compute_every_row_and_take_the_room_they_need();
    reuse_never_shows_in_the_answers();
    return check::summary();
}
