#pragma once
// What may follow a text, as stacks: where the grammar stands, under it what comes after the rule that it is in, and so
// on. Equal stacks are one node, so that many of them cost little and none is looked at twice.

#include "grammar-cost.h"
#include "grammar.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace bllossom {

namespace matcher_limits {
constexpr size_t max_stacks = 4096; // alive at a time
/** Places that one token, or one mask over the vocabulary, may visit. */
constexpr int64_t max_work = 4000000;
} // namespace matcher_limits

using stack_id = uint32_t;

/** Stacks with a character on top, sorted, and whether the text may end here. */
struct stack_set {
    std::vector<stack_id> tops;
    bool may_end = false;
};

class grammar_stacks {
  public:
    grammar_stacks(std::shared_ptr<const grammar> g, std::shared_ptr<const grammar_costs> costs);

    /** At the beginning of a text. */
    stack_set begin();

    /** Past the characters on top of these stacks. */
    stack_set advance(const std::vector<stack_id> & tops);

    /** The characters that the top of a stack allows. */
    const char_set & chars(stack_id s) const { return grammar_->sets[grammar_->elements[nodes_[s].element].index]; }

    /** The least bytes to the end of the text: from the stack, and from behind the character on its top. */
    uint64_t cost(stack_id s) const { return nodes_[s].cost; }
    uint64_t cost_behind(stack_id s) const;

    const byte_set & bytes() const { return costs_->bytes(); }

    size_t n_nodes() const { return nodes_.size(); }

    /** Forgets all other stacks; these get new ids. */
    void keep_only(std::vector<stack_id> & tops);

    /** Allows so much work from now on. `spend` throws error{invalid_option} when there is none left. */
    void allow_work(int64_t amount) { work_left_ = amount; }
    void spend(int64_t amount);

  private:
    static constexpr stack_id bottom  = UINT32_MAX; // under the rule `root`
    static constexpr uint32_t no_node = UINT32_MAX;

    struct node {
        uint32_t element;
        uint32_t count; // of a repetition: how often its item has begun, up to where that makes no difference
        stack_id parent;
        uint32_t seen        = 0; // the last round that visited it
        uint64_t cost        = 0;
        uint32_t least_count = 0; // of the node that stands for a repetition with any count; see is_dominated
    };

    stack_id intern(uint32_t element, uint32_t count, stack_id parent);
    uint64_t cost_of(uint32_t element, uint32_t count, stack_id parent) const;
    void rehash(size_t table_size);
    size_t slot_of(uint32_t element, uint32_t count, stack_id parent) const;

    void start_round();
    void go_on(stack_id s);
    void enter(uint32_t rule, stack_id parent);
    void expand_repeat(node n);
    bool is_dominated(const node & n);
    stack_id behind(uint32_t element, stack_id parent);
    stack_set settle();

    std::shared_ptr<const grammar> grammar_;
    std::shared_ptr<const grammar_costs> costs_;
    std::vector<node> nodes_;     // parents before their children
    std::vector<uint32_t> table_; // of node ids; a power of two, at most half full
    std::vector<stack_id> open_;  // still to be expanded in this round
    stack_set result_;            // of this round
    uint32_t round_    = 0;
    int64_t work_left_ = matcher_limits::max_work;
};

} // namespace bllossom
