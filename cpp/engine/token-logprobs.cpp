#include "token-logprobs.h"

#include <algorithm>
#include <cmath>

namespace bllossom {

void token_logprobs::add(int32_t token, const float * logits, int64_t n_vocab, int32_t n_top) {
    const float largest = *std::max_element(logits, logits + n_vocab);
    double sum          = 0;
    for (int64_t id = 0; id < n_vocab; id++) {
        sum += std::exp(double(logits[id]) - largest);
    }
    const double log_sum = largest + std::log(sum);
    chosen.push_back(float(logits[token] - log_sum));

    // A heap of the likeliest so far, the least likely of them on top.
    const auto likelier = [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
    std::vector<int32_t> top;
    for (int32_t id = 0; n_top > 0 && id < n_vocab; id++) {
        if (int32_t(top.size()) == n_top) {
            if (!likelier(id, top.front())) {
                continue;
            }
            std::pop_heap(top.begin(), top.end(), likelier);
            top.pop_back();
        }
        top.push_back(id);
        std::push_heap(top.begin(), top.end(), likelier);
    }
    std::sort_heap(top.begin(), top.end(), likelier);
    for (const int32_t id : top) {
        top_tokens.push_back(id);
        top_values.push_back(float(logits[id] - log_sum));
    }
}

} // namespace bllossom
