#pragma once
// Makes tokens that were seen lately less likely. The formulas are those of transformers (repetition) and OpenAI
// (frequency and presence), as libllama has them; here only the tokens that were seen are touched, not the vocabulary.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

namespace bllossom {

class token_penalties {
  public:
    /** repetition 1, frequency 0 and presence 0 are off. n_last: tokens looked back on. */
    token_penalties(float repetition, float frequency, float presence, int32_t n_last);

    void accept(int32_t token);

    /** logits: of every token that was accepted, at its id. */
    void apply(float * logits) const;

  private:
    float repetition_, frequency_, presence_;
    std::size_t n_last_;                      // 0: nothing is off the usual
    std::deque<int32_t> seen_;                // the last n_last, oldest first
    std::unordered_map<int32_t, int> counts_; // of each token in it
};

} // namespace bllossom
