#pragma once
// How likely the model found each token of an answer, and which others it found likelier: log softmax of its own
// logits, before bias, penalties, temperature and grammar.

#include <cstdint>
#include <vector>

namespace bllossom {

constexpr int32_t max_top_logprobs = 20;

struct token_logprobs {
    std::vector<float> chosen;       // [n_tokens]
    std::vector<int32_t> top_tokens; // [n_tokens][n_top], from the likeliest down; equals in the order of their ids
    std::vector<float> top_values;   // [n_tokens][n_top]

    /** Appends a token chosen from logits [n_vocab]. n_top: at most n_vocab. */
    void add(int32_t token, const float * logits, int64_t n_vocab, int32_t n_top);
};

} // namespace bllossom
