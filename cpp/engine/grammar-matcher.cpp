#include "grammar-matcher.h"

#include "utf8.h"

#include <algorithm>

namespace bllossom {

static constexpr size_t max_states      = 4096; // kept from token to token, a kilobyte each
static constexpr size_t max_nodes       = 1 << 17;
static constexpr int64_t new_state_work = 64; // in steps of matcher_limits::max_work

grammar_matcher::grammar_matcher(std::shared_ptr<const grammar> g, std::shared_ptr<const grammar_costs> costs)
    : stacks_(std::move(g), std::move(costs)), n_nodes_allowed_(max_nodes) {
    start_ = intern(stacks_.begin(), {});
}

grammar_matcher::state grammar_matcher::begin_token(state s) {
    stacks_.allow_work(matcher_limits::max_work);
    if (states_.size() <= max_states && stacks_.n_nodes() <= n_nodes_allowed_) {
        return s;
    }
    state_data kept = std::move(states_[size_t(s)]);
    stacks_.keep_only(kept.stacks.tops);
    n_nodes_allowed_ = std::max(max_nodes, 2 * stacks_.n_nodes());
    states_.clear();
    by_hash_.clear();
    start_ = dead; // behind us
    return intern(std::move(kept.stacks), kept.partial);
}

grammar_matcher::state grammar_matcher::find_next(state s, uint8_t byte) {
    const state found                     = step(s, byte);
    states_[size_t(s)].next[size_t(byte)] = found;
    return found;
}

grammar_matcher::state grammar_matcher::step(state s, uint8_t byte) {
    const state_data & from = states_[size_t(s)];
    partial_char partial    = from.partial;
    if (partial.n_left > 0) {
        if ((byte & 0xC0) != 0x80) {
            return dead;
        }
        partial.n_left--;
        partial.bits = partial.all ? 0 : partial.bits << 6 | (byte & 0x3Fu);
        return step_inside(from.stacks.tops, partial);
    }
    partial.length = uint8_t(utf8_length(byte));
    if (partial.length == 0) {
        return dead;
    }
    partial.n_left = uint8_t(partial.length - 1);
    partial.bits   = partial.length == 1 ? byte : byte & (0x7Fu >> partial.length);
    return step_inside(from.stacks.tops, partial);
}

/** The stacks that allow a character which begins like this; past it when it is whole. */
grammar_matcher::state grammar_matcher::step_inside(const std::vector<stack_id> & tops, partial_char partial) {
    const uint32_t first = std::max(partial.first(), utf8_smallest[partial.length]); // no overlong forms
    const uint32_t last  = partial.last();
    stack_set left;
    bool all = partial.all || first == partial.first();
    for (const stack_id top : tops) {
        const char_set & chars = stacks_.chars(top);
        if (partial.all || (first <= last && can_finish_char(chars, first, last, partial.n_left, stacks_.bytes()))) {
            left.tops.push_back(top);
            all = partial.all || (all && chars.covers(first, last));
        }
    }
    stacks_.spend(int64_t(tops.size()));
    if (left.tops.empty()) {
        return dead;
    }
    if (partial.n_left == 0) {
        return intern(stacks_.advance(left.tops), {});
    }
    // Where every ending is allowed, the bytes so far make no difference: far fewer states.
    return intern(std::move(left), all ? partial_char{partial.n_left, 0, 0, true} : partial);
}

uint64_t grammar_matcher::cost_of(const stack_set & stacks, const partial_char & partial) const {
    uint64_t least = stacks.may_end ? 0 : byte_cost::never;
    for (const stack_id top : stacks.tops) {
        least = std::min(least, partial.n_left == 0 ? stacks_.cost(top)
                                                    : byte_cost::add(partial.n_left, stacks_.cost_behind(top)));
    }
    return least;
}

grammar_matcher::state grammar_matcher::intern(stack_set && stacks, const partial_char & partial) {
    const uint64_t cost = cost_of(stacks, partial);
    if (cost == byte_cost::never) {
        return dead;
    }
    uint64_t hash = (uint64_t(partial.bits) << 8 | uint64_t(partial.n_left) << 4 | uint64_t(partial.length)) * 2 +
                    uint64_t(stacks.may_end);
    for (const stack_id top : stacks.tops) {
        hash = (hash ^ top) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    const auto [from, to] = by_hash_.equal_range(hash);
    for (auto entry = from; entry != to; ++entry) {
        const state_data & s = states_[size_t(entry->second)];
        if (s.stacks.tops == stacks.tops && s.stacks.may_end == stacks.may_end && s.partial.n_left == partial.n_left &&
            s.partial.length == partial.length && s.partial.bits == partial.bits && s.partial.all == partial.all) {
            return entry->second;
        }
    }
    stacks_.spend(new_state_work);
    const auto id = state(states_.size());
    states_.push_back({std::move(stacks), partial, cost, {}});
    states_.back().next.fill(unknown);
    by_hash_.emplace(hash, id);
    return id;
}

} // namespace bllossom
