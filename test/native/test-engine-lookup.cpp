// Prompt lookup from outside: guesses change how fast an answer comes, and nothing else.

#include "check.h"
#include "prompt-lookup.h"
#include "support/requests.h"

#include <cmath>

using namespace bllossom;
using namespace tiny;

namespace {

generate_request guessing(generate_request request, int32_t n_lookup = 15) {
    request.n_lookup = n_lookup;
    return request;
}

/** Long answers, so that they come to repeat themselves. */
std::vector<generate_request> long_requests() {
    std::vector<generate_request> requests = mixed_requests();
    for (generate_request & request : requests) {
        request.max_tokens = 80;
    }
    return requests;
}

void answers_are_the_same_and_guesses_come_true() {
    int32_t n_right = 0;
    for (const generate_request & request : long_requests()) {
        loaded c;
        const event plain = c.run(request);
        CHECK(plain.stats.n_guessed == 0);
        for (const int32_t n_lookup : {1, 2, 15, 32}) {
            const event e = c.run(guessing(request, n_lookup));
            CHECK(e.tokens == plain.tokens && e.reason == plain.reason && c.text(e.id) == c.text(plain.id));
            CHECK(e.stats.n_guessed_right <= e.stats.n_guessed);
            n_right += e.stats.n_guessed_right;
        }
        CHECK(c.every_id_settled_once());
    }
    CHECK(n_right > 100);
}

void company_does_not_show_in_them() {
    const auto requests = long_requests();
    loaded c(with([](auto & o) { o.n_seq_max = 4, o.context.n_images = 4; }));
    std::vector<uint32_t> open;
    for (size_t i = 0; i < requests.size(); i++) {
        open.push_back(c.generate(guessing(requests[i], int32_t(i % 2) * 15)));
    }
    for (size_t i = 0; i < requests.size(); i++) {
        CHECK(c.settled(open[i]).tokens == solo(requests[i]));
    }
}

void sampling_penalties_and_log_probabilities_see_the_same_tokens() {
    for (uint32_t seed = 0; seed < 20; seed++) {
        generate_request request            = request_of("abababab", {}, 60);
        request.sampling.temperature        = 0.7f;
        request.sampling.seed               = seed;
        request.sampling.repetition_penalty = seed % 2 ? 1.1f : 1.0f;
        request.sampling.penalty_last_n     = 64;
        request.n_logprobs                  = 1;
        loaded c;
        const event plain = c.run(request);
        const event e     = c.run(guessing(request));
        CHECK(e.tokens == plain.tokens && e.logprobs->chosen.size() == e.tokens.size());
        for (size_t i = 0; i < e.tokens.size(); i++) {
            CHECK(std::abs(e.logprobs->chosen[i] - plain.logprobs->chosen[i]) < 1e-3f);
        }
    }
}

void grammars_and_stop_texts_end_in_the_middle_of_a_guess() {
    loaded c;
    generate_request request = request_of("abcabc", {}, 40);
    request.grammar          = "root ::= \"abc\"{4}";
    const event plain        = c.run(request);
    const event e            = c.run(guessing(request));
    CHECK(e.tokens == plain.tokens && e.reason == finish_reason::stop);

    request         = request_of("a first question without an image", {}, 80);
    const auto text = [&](const generate_request & r) { return c.text(c.run(r).id); };
    const auto all  = text(request);
    for (size_t at = 8; at + 2 < all.size(); at += 7) {
        request.stop = {all.substr(at, 2)};
        CHECK(text(guessing(request)) == text(request));
    }
}

void the_limits_are_kept() {
    for (int32_t max_tokens = 1; max_tokens < 30; max_tokens++) {
        const event e = loaded().run(guessing(request_of("aaaa", {}, max_tokens)));
        CHECK(e.tokens.size() == size_t(max_tokens) && e.reason == finish_reason::length);
    }
    const auto small = with([](auto & o) { o.context.n_ctx = 64; });
    CHECK(loaded(small).run(guessing(long_prompt(40, 1000))).tokens.size() == 25); // to the last cell, and one beyond
    loaded c;
    CHECK(c.code(c.generate(guessing(request_of("a"), -1))) == "ERR_INVALID_OPTION");
    CHECK(c.code(c.generate(guessing(request_of("a"), max_lookup + 1))) == "ERR_INVALID_OPTION");
}

void a_reader_without_credit_parks_in_the_middle_of_a_guess() {
    const generate_request request = request_of("a first question without an image", {}, 60);
    loaded c;
    generate_request slow = guessing(request);
    slow.credit           = 1;
    const uint32_t id     = c.generate(slow);
    for (size_t n = 1; n <= 70; n++) {
        c.pieces(id, n);
        c.get().grant(id, 1);
    }
    CHECK(c.settled(id).tokens == solo(request));
}

/** Cells of wrong guesses are free again: no answer runs out of context, and none sees what stood there. */
void wrong_guesses_leave_no_trace() {
    const auto options = with([](auto & o) { o.n_seq_max = 2, o.context.n_ctx = 256; });
    const auto request = request_of("the same*image", {image_of("q", 1)}, 40);
    const ids wanted   = solo(request, options);
    loaded c(options);
    for (int i = 0; i < 20; i++) {
        const uint32_t first  = c.generate(guessing(request_of("abcabd", {}, 100)));
        const uint32_t second = c.generate(guessing(request));
        CHECK(c.settled(second).tokens == wanted);
        CHECK(c.code(first).empty());
    }
}

} // namespace

int main() {
    answers_are_the_same_and_guesses_come_true();
    company_does_not_show_in_them();
    sampling_penalties_and_log_probabilities_see_the_same_tokens();
    grammars_and_stop_texts_end_in_the_middle_of_a_guess();
    the_limits_are_kept();
    a_reader_without_credit_parks_in_the_middle_of_a_guess();
    wrong_guesses_leave_no_trace();
    return check::summary();
}
