#pragma once
// From where an answer copies, and what it changes on the way. A list that becomes Markdown has "\n- " where the text
// had a line's end, a table " | " where it had a comma: what became of a token once is what is to become of it again,
// so that a guess need not end where the copy differs.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace bllossom {

/** Follows one text, prompt and answer, which only grows. */
class copy_tracker {
  public:
    using ids = std::vector<int32_t>;

    /**
     * Takes in the tokens since the last call; with the first call, none. While nothing is copied, looks for a place
     * that the text ends like: of several the one that agrees furthest back (up to `max_match` tokens), and of those
     * the latest.
     */
    void follow(const ids & tokens);

    /**
     * What comes next, up to n tokens, if the copy goes on: what follows at its source, with the changes of before. The
     * end of the text is taken to repeat itself. Empty while nothing is copied, and within a change that is new.
     */
    ids next(const ids & tokens, size_t n) const;

  private:
    static constexpr size_t min_match = 2; // one token agrees too easily
    static constexpr size_t max_match = 4;
    // Tokens in the place of one: enough for the second line of a table. What differs for longer is no copy.
    static constexpr size_t max_change = 16;

    static std::optional<size_t> find_source(const ids & tokens);
    void take(const ids & tokens, int32_t token);
    bool is_copied(const ids & tokens, int32_t token, size_t n_further) const;

    size_t n_taken_ = 0;                        // of the text
    std::optional<size_t> source_;              // the place of the last token that was copied
    ids since_;                                 // what was said since
    std::unordered_map<int32_t, ids> added_;    // what came after a token when it was copied last
    std::unordered_map<int32_t, ids> replaced_; // what came in a token's place the last time
};

} // namespace bllossom
