#pragma once
// Which tokens may come next in an answer under a grammar, such that it is complete when its tokens are used up.
//
// A byte-level vocabulary has a token for every byte, so an end that is n bytes away is at most n tokens away. A token
// is allowed only when the end is still within reach after it; the first byte on the shortest way there always is.

#include "grammar-matcher.h"
#include "token-trie.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace bllossom {

class token_constraint {
  public:
    /**
     * n_left: tokens that the answer may have. forbidden: tokens that are never chosen, sorted. may_stop: whether stop
     * tokens may end a complete text. Throws error{invalid_option} when the shortest text may need more tokens than
     * that.
     */
    token_constraint(std::shared_ptr<const grammar> g, std::shared_ptr<const token_trie> trie,
                     const std::vector<int32_t> & forbidden, int64_t n_left, bool may_stop);

    /** All of these throw error{invalid_option} when the grammar proves too ambiguous. */
    bool allows(int32_t token);
    void accept(int32_t token);

    /** [n_vocab]: 1 for the tokens that may come next. `forbidden` is not looked at. */
    const std::vector<uint8_t> & mask();

    /** Whether the text is complete; whether nothing else can follow. */
    bool may_end() const { return matcher_.may_end(state_); }
    bool is_exhausted() const { return matcher_.is_exhausted(state_); }

  private:
    grammar_matcher::state after(std::string_view bytes);

    /** Whether the text can be completed from here once one more token is spent. */
    bool in_reach(grammar_matcher::state s) const { return matcher_.cost(s) < uint64_t(n_left_); }

    std::shared_ptr<const token_trie> trie_;
    grammar_matcher matcher_;
    grammar_matcher::state state_;
    int64_t n_left_;
    bool may_stop_;
    std::vector<uint8_t> mask_;
    std::vector<grammar_matcher::state> path_; // of a walk through the trie, [max_depth + 1]
};

} // namespace bllossom
