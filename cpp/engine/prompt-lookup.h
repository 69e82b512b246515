#pragma once
// Guesses the next tokens of an answer from what the prompt and the answer already said: answers that copy (a document
// into Markdown, a table, code with one change) repeat whole passages. Several guesses are computed in one batch, at
// little more than the cost of one row where reading the weights is what takes the time. Source: A. Saxena, "Prompt
// Lookup Decoding" (2023); transformers, PromptLookupCandidateGenerator.

#include <cstdint>
#include <vector>

namespace bllossom {

/** Most tokens that can be guessed at once. */
constexpr int32_t max_lookup = 32;

class prompt_lookup {
  public:
    /** n_max: tokens in a guess at most, from 0 (never) to max_lookup. */
    explicit prompt_lookup(int32_t n_max) : n_max_(n_max), n_next_(n_max < first_length ? n_max : first_length) {}

    /**
     * What followed the last tokens where they stood before, up to n_most tokens; empty when they did not, or when
     * guesses have not paid of late. Of several places the one counts that agrees furthest back (up to `max_match`
     * tokens), and of those the latest; what is known from there on ends with the text, and is taken to repeat itself.
     * Nothing from n_vocab on is guessed: the image token has no logit.
     */
    std::vector<int32_t> guess(const std::vector<int32_t> & tokens, int32_t n_most, int64_t n_vocab) const;

    /**
     * How far the last guess, not an empty one, came true: longer ones follow, shorter ones, or none for a while, which
     * is twice as long after each further one that was all wrong.
     */
    void learn(int32_t n_guessed, int32_t n_right);

    /** A token was added without a guess. */
    void rest();

  private:
    static constexpr int32_t first_length = 3; // with the token that is certain, four rows
    static constexpr int32_t min_match    = 2;
    static constexpr int32_t max_match    = 4;
    // Tokens without a guess after one that was all wrong. At the seams of a text that is copied guesses fail and soon
    // come true again; where nothing is copied, they are to cost nothing.
    static constexpr int32_t shortest_pause = 2;
    static constexpr int32_t longest_pause  = 32;

    int32_t n_max_;
    int32_t n_next_;           // length of the next guess
    int32_t n_pause_      = 0; // tokens until then
    int32_t n_next_pause_ = shortest_pause;
};

} // namespace bllossom
