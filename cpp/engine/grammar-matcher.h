#pragma once
// Matches bytes against a grammar: an automaton whose states are made when they are first reached. A text may stop
// anywhere, also inside a character: bytes that can only become a character that is not allowed are refused at once.

#include "grammar-stacks.h"

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace bllossom {

class grammar_matcher {
  public:
    using state = int32_t;

    static constexpr state dead = -1; // no text of the grammar begins like this

    /** Throws error{invalid_option} when the beginning is already too ambiguous. */
    grammar_matcher(std::shared_ptr<const grammar> g, std::shared_ptr<const grammar_costs> costs);

    /** Of the empty text; `dead` when no text of the grammar can be written with the bytes at hand. */
    state start() const { return start_; }

    /** Throws error{invalid_option} when the grammar proves too ambiguous. */
    state next(state s, uint8_t byte) {
        const state known = states_[size_t(s)].next[byte];
        return known != unknown ? known : find_next(s, byte);
    }

    /** Whether the text is complete; whether nothing else can follow. */
    bool may_end(state s) const { return states_[size_t(s)].stacks.may_end; }
    bool is_exhausted(state s) const { return may_end(s) && states_[size_t(s)].stacks.tops.empty(); }

    /** The least number of bytes that complete the text. */
    uint64_t cost(state s) const { return states_[size_t(s)].cost; }

    /** To be called before every token with the state that counts; others are forgotten now and then. Its new number.
     */
    state begin_token(state s);

  private:
    static constexpr state unknown = -2;

    /** The bytes of a character whose end has not come yet. */
    struct partial_char {
        uint8_t n_left = 0;     // bytes to come; 0 between characters
        uint8_t length = 0;     // in all
        uint32_t bits  = 0;     // read so far
        bool all       = false; // whatever comes is allowed: then length and bits do not matter, and are 0

        uint32_t first() const { return bits << (6 * n_left); }
        uint32_t last() const { return ((bits + 1) << (6 * n_left)) - 1; }
    };

    struct state_data {
        stack_set stacks;
        partial_char partial;
        uint64_t cost;
        std::array<state, 256> next;
    };

    state find_next(state s, uint8_t byte);
    state step(state s, uint8_t byte);
    state step_inside(const std::vector<stack_id> & tops, partial_char partial);
    state intern(stack_set && stacks, const partial_char & partial);
    uint64_t cost_of(const stack_set & stacks, const partial_char & partial) const;

    grammar_stacks stacks_;
    std::vector<state_data> states_;
    std::unordered_multimap<uint64_t, state> by_hash_;
    state start_ = dead;
    size_t n_nodes_allowed_; // a text may need many by itself
};

} // namespace bllossom
