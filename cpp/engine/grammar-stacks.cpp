#include "grammar-stacks.h"

#include "error.h"

#include <algorithm>

namespace bllossom {

using kind = grammar_element::kind;

static constexpr int64_t new_node_work   = 3; // bounds the memory too: some 40 MB for max_work
static constexpr size_t least_table_size = 1024;
static constexpr uint32_t any_count = UINT32_MAX; // the node that remembers the least count of a repetition in a round

grammar_stacks::grammar_stacks(std::shared_ptr<const grammar> g, std::shared_ptr<const grammar_costs> costs)
    : grammar_(std::move(g)), costs_(std::move(costs)), table_(least_table_size, no_node) {}

void grammar_stacks::spend(int64_t amount) {
    work_left_ -= amount;
    if (work_left_ < 0) {
        throw error(error_code::invalid_option,
                    format("the grammar is too ambiguous: one token needs more than %lld steps; make its alternatives "
                           "differ in their first characters",
                           (long long) matcher_limits::max_work));
    }
}

// --- nodes ---------------------------------------------------------------------------------------------------------

size_t grammar_stacks::slot_of(uint32_t element, uint32_t count, stack_id parent) const {
    uint64_t hash = (uint64_t(element) << 32 | parent) * 0x9E3779B97F4A7C15u;
    hash          = (hash ^ hash >> 29 ^ count) * 0xBF58476D1CE4E5B9u;
    size_t slot   = size_t(hash >> 32) & (table_.size() - 1);
    while (table_[slot] != no_node) {
        const node & n = nodes_[table_[slot]];
        if (n.element == element && n.count == count && n.parent == parent) {
            break;
        }
        slot = (slot + 1) & (table_.size() - 1);
    }
    return slot;
}

stack_id grammar_stacks::intern(uint32_t element, uint32_t count, stack_id parent) {
    const size_t slot = slot_of(element, count, parent);
    if (table_[slot] != no_node) {
        return table_[slot];
    }
    const auto id = stack_id(nodes_.size());
    spend(new_node_work);
    nodes_.push_back({element, count, parent, 0, cost_of(element, count, parent)});
    table_[slot] = id;
    if (nodes_.size() * 2 > table_.size()) {
        rehash(table_.size() * 2);
    }
    return id;
}

void grammar_stacks::rehash(size_t table_size) {
    table_.assign(table_size, no_node);
    for (stack_id id = 0; id < nodes_.size(); id++) {
        table_[slot_of(nodes_[id].element, nodes_[id].count, nodes_[id].parent)] = id;
    }
}

uint64_t grammar_stacks::cost_of(uint32_t element, uint32_t count, stack_id parent) const {
    uint64_t cost = costs_->from(element);
    if (const grammar_element & e = grammar_->elements[element]; e.type == kind::repeat) {
        const grammar_repeat & repeat = grammar_->repeats[e.index];
        const uint32_t missing        = repeat.min - std::min(count, repeat.min);
        cost = byte_cost::add(byte_cost::multiply(missing, costs_->of_rule(repeat.rule)), costs_->from(element + 1));
    }
    return parent == bottom ? cost : byte_cost::add(cost, nodes_[parent].cost);
}

uint64_t grammar_stacks::cost_behind(stack_id s) const {
    const node & n      = nodes_[s];
    const uint64_t cost = costs_->from(n.element + 1);
    return n.parent == bottom ? cost : byte_cost::add(cost, nodes_[n.parent].cost);
}

void grammar_stacks::keep_only(std::vector<stack_id> & tops) {
    std::vector<bool> used(nodes_.size());
    for (const stack_id top : tops) {
        used[top] = true;
    }
    for (size_t id = nodes_.size(); id-- > 0;) {
        if (used[id] && nodes_[id].parent != bottom) {
            used[nodes_[id].parent] = true;
        }
    }
    std::vector<stack_id> moved(nodes_.size());
    stack_id n_kept = 0;
    for (stack_id id = 0; id < nodes_.size(); id++) {
        if (used[id]) {
            node n                       = nodes_[id];
            n.parent                     = n.parent == bottom ? bottom : moved[n.parent];
            nodes_[moved[id] = n_kept++] = n;
        }
    }
    nodes_.resize(n_kept);
    size_t table_size = least_table_size;
    while (table_size < nodes_.size() * 4) {
        table_size *= 2;
    }
    rehash(table_size);
    for (stack_id & top : tops) {
        top = moved[top];
    }
}

// --- a round: from stacks to the characters that may come next -----------------------------------------------------

stack_set grammar_stacks::begin() {
    start_round();
    enter(grammar_->root, bottom);
    return settle();
}

stack_set grammar_stacks::advance(const std::vector<stack_id> & tops) {
    start_round();
    for (const stack_id top : tops) {
        go_on(behind(nodes_[top].element, nodes_[top].parent));
    }
    return settle();
}

void grammar_stacks::start_round() {
    round_++;
    open_.clear();
    result_ = {};
}

/** The stack behind an element that is done. The end of an alternative is left out: what is under it is on top then. */
stack_id grammar_stacks::behind(uint32_t element, stack_id parent) {
    return grammar_->elements[element + 1].type == kind::end ? parent : intern(element + 1, 0, parent);
}

void grammar_stacks::go_on(stack_id s) {
    spend(1);
    if (s == bottom) {
        result_.may_end = true;
    } else if (nodes_[s].seen != round_) {
        nodes_[s].seen = round_;
        open_.push_back(s);
    }
}

void grammar_stacks::enter(uint32_t rule, stack_id parent) {
    const grammar_rule & r = grammar_->rules[rule];
    for (uint32_t a = 0; a < r.n_alternatives; a++) {
        const uint32_t first = grammar_->alternatives[r.first_alternative + a];
        go_on(grammar_->elements[first].type == kind::end ? parent : intern(first, 0, parent));
    }
}

stack_set grammar_stacks::settle() {
    while (!open_.empty()) {
        const stack_id s = open_.back();
        open_.pop_back();
        const node n              = nodes_[s];
        const grammar_element & e = grammar_->elements[n.element];
        if (e.type == kind::rule) {
            enter(e.index, behind(n.element, n.parent));
        } else if (e.type == kind::repeat) {
            expand_repeat(n);
        } else if (n.cost != byte_cost::never) {
            result_.tops.push_back(s);
        }
        if (result_.tops.size() > matcher_limits::max_stacks) {
            throw error(error_code::invalid_option,
                        format("the grammar is too ambiguous: the text can be read in more than %zu ways; make its "
                               "alternatives differ in their first characters",
                               matcher_limits::max_stacks));
        }
    }
    std::sort(result_.tops.begin(), result_.tops.end());
    return std::move(result_);
}

void grammar_stacks::expand_repeat(node n) {
    const grammar_repeat repeat = grammar_->repeats[grammar_->elements[n.element].index];
    const bool is_bounded       = repeat.max != grammar_limits::unbounded;
    // Items that may be empty make up any missing number.
    const uint32_t min = costs_->of_rule(repeat.rule) == 0 ? 0 : repeat.min;
    if (n.count >= min) {
        if (is_bounded && is_dominated(n)) {
            return;
        }
        go_on(behind(n.element, n.parent));
    }
    if (n.count + 1 == repeat.max) {
        enter(repeat.rule, behind(n.element, n.parent)); // the last item is like any rule
    } else if (n.count < repeat.max) {
        const uint32_t count = is_bounded ? n.count + 1 : std::min(n.count + 1, min);
        enter(repeat.rule, intern(n.element, count, n.parent));
    }
}

/**
 * Whether this round has already gone on from the same repetition with fewer items, and enough of them: all that this
 * stack could still match, the other can too. Without it, items that may be empty would be counted to the maximum.
 */
bool grammar_stacks::is_dominated(const node & n) {
    node & any = nodes_[intern(n.element, any_count, n.parent)];
    if (any.seen == round_ && any.least_count <= n.count) {
        return true;
    }
    any.seen        = round_;
    any.least_count = n.count;
    return false;
}

} // namespace bllossom
