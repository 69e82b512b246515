// Answers from outside: the company of other requests, the size of batches and the pace of the reader do not show in
// them.

#include "check.h"
#include "support/requests.h"

using namespace bllossom;
using namespace tiny;

namespace {

void concurrent_answers_equal_solo_answers() {
    for (const row_mode mode : {row_mode::hf, row_mode::meta}) {
        const auto requests = mixed_requests();
        const auto options  = with([&](auto & o) { o.context.mode = mode, o.n_seq_max = 4, o.context.n_images = 4; });
        std::vector<ids> wanted;
        for (const auto & request : requests) {
            wanted.push_back(solo(request, options));
        }
        CHECK(wanted[0] != wanted[1] && wanted[1] != wanted[3]);
        for (const int32_t n_batch : {512, 5}) {
            loaded c(with([&](auto & o) { o = options, o.context.n_batch = n_batch; }));
            std::vector<uint32_t> open;
            for (const auto & request : requests) {
                open.push_back(c.generate(request));
            }
            for (size_t i = 0; i < open.size(); i++) {
                const event e = c.settled(open[i]);
                CHECK(e.type == event::kind::done && e.tokens == wanted[i] && e.reason == finish_reason::length);
                CHECK(e.stats.n_generated == int32_t(e.tokens.size()));
            }
            CHECK(c.every_id_settled_once());
        }
    }
}

void the_size_of_prefill_batches_does_not_show() {
    const auto request = request_of("some*words to*read", {image_of("p"), image_of("q", 1)}, 40);
    const ids wanted   = solo(request);
    for (const int32_t n_batch : {1, 7, 512}) {
        CHECK(solo(request, with([&](auto & o) { o.context.n_batch = n_batch; })) == wanted);
    }
    loaded c;
    const event whole = c.settled(c.evaluate({request.prompt, request.images, 0}));
    for (const int32_t chunk : {1, 7}) {
        const event part = c.settled(c.evaluate({request.prompt, request.images, chunk}));
        CHECK(part.result->tokens == whole.result->tokens && part.result->logits.size() == whole.result->logits.size());
        float difference = 0;
        for (size_t i = 0; i < whole.result->logits.size(); i++) {
            difference = std::max(difference, std::abs(part.result->logits[i] - whole.result->logits[i]));
        }
        CHECK(difference < 1e-3f);
    }
}

void the_pieces_are_the_text_of_the_tokens() {
    loaded c;
    for (const auto & request : mixed_requests()) {
        const uint32_t id = c.generate(request);
        const event e     = c.settled(id);
        CHECK(c.text(id) == c.get().get_vocab()->detokenize(e.tokens));
    }
}

void generations_end_where_they_should() {
    loaded c;
    const auto base = request_of("tell me", {}, 60);
    const event all = c.run(base);
    CHECK(all.reason == finish_reason::length && all.tokens.size() == 60);
    const std::string whole = c.get().get_vocab()->detokenize(all.tokens);

    auto one       = base;
    one.max_tokens = 1;
    CHECK(c.tokens(one) == ids(all.tokens.begin(), all.tokens.begin() + 1));

    for (size_t i = 0; i < all.tokens.size(); i++) { // a stop text out of the middle
        const std::string piece = c.get().get_vocab()->detokenize({all.tokens[i]});
        if (piece.empty() || piece == "\xEF\xBF\xBD") {
            continue;
        }
        auto stopping     = base;
        stopping.stop     = {"never seen", piece};
        const uint32_t id = c.generate(stopping);
        CHECK(c.settled(id).reason == finish_reason::stop);
        CHECK(c.text(id) == whole.substr(0, whole.find(piece)));
    }
    // with ignore_eos off it ends at the first stop token, which is not part of the answer
    auto ends          = base;
    ends.ignore_eos    = false;
    ends.max_tokens    = 900;
    auto goes_on       = base;
    goes_on.max_tokens = 900;
    const ids without  = c.tokens(goes_on);
    const auto is_stop = [&](int32_t t) { return c.get().get_vocab()->is_stop(t); };
    const event ended  = c.run(ends);
    const ids expected(without.begin(), std::find_if(without.begin(), without.end(), is_stop));
    CHECK(ended.tokens == expected && without.size() == 900);
    CHECK((ended.reason == finish_reason::stop) == (expected.size() < without.size()));
}

void a_seed_gives_the_same_answer_in_any_company() {
    loaded c;
    auto drawn                 = request_of("roll the dice", {}, 30);
    drawn.sampling.temperature = 1.0f;
    drawn.sampling.seed        = 0xFFFFFFFF;
    const ids wanted           = c.tokens(drawn);
    const uint32_t a = c.generate(request_of("company")), b = c.generate(drawn), d = c.generate(drawn);
    CHECK(c.settled(b).tokens == wanted && c.settled(d).tokens == wanted && c.code(a) == "");
}

void credit_parks_a_request_and_a_grant_resumes_it() {
    loaded c;
    const ids wanted = c.tokens(request_of("count", {}, 40));
    auto slow        = request_of("count", {}, 40);
    slow.credit      = 2;
    const uint32_t a = c.generate(slow);
    c.pieces(a, 2);
    CHECK(c.code(c.generate(request_of("meanwhile"))) == ""); // others go on; and the parked one had time to overrun
    CHECK(c.said(a).size() == 2);
    for (size_t n = 3; n < 6; n++) {
        c.get().grant(a, 1);
        c.pieces(a, n);
        CHECK(c.code(c.clear_caches()) == "" && c.said(a).size() == n);
    }
    c.get().grant(a, -100);
    c.get().grant(a, 0);
    c.get().grant(a, plenty);
    c.get().grant(a, plenty);
    CHECK(c.settled(a).tokens == wanted);
    c.get().grant(a, 1); // settled: ignored
    CHECK(c.every_id_settled_once());
}

} // namespace

int main() {
    concurrent_answers_equal_solo_answers();
    the_size_of_prefill_batches_does_not_show();
    the_pieces_are_the_text_of_the_tokens();
    generations_end_where_they_should();
    a_seed_gives_the_same_answer_in_any_company();
    credit_parks_a_request_and_a_grant_resumes_it();
    return check::summary();
}
