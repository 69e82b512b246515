#pragma once
// Guesses the next tokens of an answer from what the prompt and the answer already said: answers that copy (a document
// into Markdown, a table, code with one change) repeat whole passages. Several guesses are computed in one batch, at
// little more than the cost of one row where reading the weights is what takes the time. Source: A. Saxena, "Prompt
// Lookup Decoding" (2023); transformers, PromptLookupCandidateGenerator. Of ours is what it does where a copy differs
// (copy-tracker.h).

#include "copy-tracker.h"

namespace bllossom {

/** Most tokens that can be guessed at once. */
constexpr int32_t max_lookup = 32;

class prompt_lookup {
  public:
    /** n_max: tokens in a guess at most, from 0 (never) to max_lookup. */
    explicit prompt_lookup(int32_t n_max) : n_max_(n_max) {}

    /**
     * What comes next if the text goes on copying, up to n_most tokens; empty when it does not, or when guesses have
     * not paid of late. To be asked after every step. Nothing from n_vocab on is guessed: the image token has no logit.
     */
    std::vector<int32_t> guess(const std::vector<int32_t> & tokens, int32_t n_most, int64_t n_vocab);

    /**
     * How far the last guess, not an empty one, came true: the next one is as long as pays, if as large a share of its
     * tokens comes true as did of late. After one that was all wrong there is none for a while, which is twice as long
     * after each further one.
     */
    void learn(int32_t n_guessed, int32_t n_right);

    /** A token was added without a guess. */
    void rest();

  private:
    // What a further row may cost, as a share of a step of one row: of a large model, whose weights take long to read,
    // it costs less; of one that lies in the cache, a little more.
    static constexpr float row_cost    = 0.4f;
    static constexpr float first_share = 0.8f; // of guessed tokens that come true, before there were any
    static constexpr float news        = 0.1f; // what the last guessed token counts in that share
    // Tokens without a guess after one that was all wrong. At the seams of a text that is copied guesses fail and soon
    // come true again; where nothing is copied, they are to cost nothing.
    static constexpr int32_t shortest_pause = 2;
    static constexpr int32_t longest_pause  = 32;

    int32_t n_useful() const;

    int32_t n_max_;
    copy_tracker copy_;
    float share_          = first_share;
    int32_t n_pause_      = 0; // tokens until the next guess
    int32_t n_next_pause_ = shortest_pause;
};

} // namespace bllossom
