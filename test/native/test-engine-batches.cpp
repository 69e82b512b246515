// Random batches: whatever a request is computed with, its greedy tokens are those it has alone.

#include "check.h"
#include "support/requests.h"

#include <cmath>
#include <map>
#include <random>

using namespace bllossom;
using namespace tiny;

namespace {

constexpr int n_batches  = 200;
constexpr float near_tie = 1e-4f; // a lead in log-probability that rounding in F32 may turn

using random_source = std::mt19937;

int below(random_source & random, int n) {
    return int(random() % uint32_t(n));
}

/** One of a few hundred: short and long prompts, none to three images of one or four tiles. */
generate_request random_request(random_source & random) {
    static const std::vector<std::string> words = {"a page ", "about ", "the table ", "한국어 ", "what? ", "xyz "};
    std::string text;
    std::vector<image_input> images;
    const int n_words = 1 + below(random, 6);
    for (int i = 0; i < n_words; i++) {
        text += words[size_t(below(random, int(words.size())))];
        if (below(random, 4) == 0 && images.size() < 3) {
            text += '*';
            const int name = below(random, 3);
            images.push_back(image_of(std::string(1, char('p' + name)), name == 0 ? 1 : 6));
        }
    }
    generate_request request = request_of(text, images, 2 + below(random, 14));
    request.n_logprobs       = 2;
    return request;
}

std::string name_of(const generate_request & request) {
    std::string name = std::to_string(request.max_tokens);
    for (const prompt_part & part : request.prompt) {
        name += '|' + part.text;
    }
    for (const image_input & image : request.images) {
        name += '|' + image.key;
    }
    return name;
}

/** What an engine answers that computes nothing else. */
const event & alone(loaded & c, const generate_request & request) {
    static std::map<std::string, event> known;
    const std::string name = name_of(request);
    if (known.count(name) == 0) {
        c.settled(c.clear_caches());
        known[name] = c.run(request);
    }
    return known[name];
}

/** Whether two answers are the same up to the first place where the best two tokens are as good as equal. */
bool same_answer(const event & a, const event & b) {
    for (size_t i = 0; i < a.tokens.size(); i++) {
        const float lead = a.logprobs->top_values[2 * i] - a.logprobs->top_values[2 * i + 1];
        if (i == b.tokens.size() || a.tokens[i] != b.tokens[i]) {
            return lead < near_tie;
        }
    }
    return a.tokens.size() == b.tokens.size();
}

void neighbours_do_not_show() {
    loaded by_itself(with([](auto & o) { o.context.n_images = 3; }));
    random_source random(1);
    int n_answers = 0, n_equal = 0;
    for (const int32_t n_batch : {512, 48, 7}) {
        loaded c(with([&](auto & o) {
            o.n_seq_max = 6, o.context.n_images = 6, o.context.n_ctx = 2048, o.context.n_batch = n_batch;
        }));
        for (int i = 0; i < n_batches / 2; i++) {
            std::vector<generate_request> requests;
            std::vector<uint32_t> open;
            for (int k = 2 + below(random, 5); k > 0; k--) {
                requests.push_back(random_request(random));
                requests.back().n_lookup    = below(random, 3) == 0 ? 8 : 0;
                requests.back().reuses_rows = below(random, 3) > 0;
                open.push_back(c.generate(requests.back()));
                if (below(random, 4) == 0) {
                    c.pieces(open.back(), size_t(below(random, 3))); // the next one comes in between
                }
            }
            for (size_t k = 0; k < requests.size(); k++) {
                const event e = c.settled(open[k]), &wanted = alone(by_itself, requests[k]);
                CHECK(e.type == event::kind::done && same_answer(wanted, e));
                n_answers++;
                n_equal += e.tokens == wanted.tokens;
            }
        }
        CHECK(c.every_id_settled_once());
    }
    printf("%d of %d answers equal, the others part at a tie\n", n_equal, n_answers);
    CHECK(n_equal > n_answers * 99 / 100);
}

} // namespace

int main() {
    neighbours_do_not_show();
    return check::summary();
}
