#include "grammar-cost.h"

#include <algorithm>
#include <queue>

namespace bllossom {

using kind = grammar_element::kind;

uint64_t byte_cost::add(uint64_t a, uint64_t b) {
    return a == never || b == never ? never : std::min(a + b, huge);
}

uint64_t byte_cost::multiply(uint64_t count, uint64_t cost) {
    if (count == 0 || cost == never) {
        return count == 0 ? 0 : never;
    }
    return cost > huge / count ? huge : count * cost;
}

grammar_costs::grammar_costs(const grammar & g, const byte_set & bytes)
    : bytes_(bytes), rules_(g.rules.size(), byte_cost::never), suffixes_(g.elements.size()) {
    for (const char_set & set : g.sets) {
        const int n = least_bytes(set, bytes);
        sets_.push_back(n == 0 ? byte_cost::never : uint64_t(n));
    }
    settle_rules(g);
    for (size_t i = g.elements.size(); i-- > 0;) {
        const bool is_end = g.elements[i].type == kind::end;
        suffixes_[i]      = is_end ? 0 : byte_cost::add(of_element(g, g.elements[i]), suffixes_[i + 1]);
    }
}

uint64_t grammar_costs::of_element(const grammar & g, const grammar_element & element) const {
    switch (element.type) {
    case kind::end:
        return 0;
    case kind::chars:
        return sets_[element.index];
    case kind::rule:
        return rules_[element.index];
    case kind::repeat:
        break;
    }
    const grammar_repeat & repeat = g.repeats[element.index];
    return byte_cost::multiply(repeat.min, rules_[repeat.rule]);
}

namespace {

/** The rule that an alternative cannot end without; UINT32_MAX for elements that need none. */
uint32_t needed_rule(const grammar & g, const grammar_element & element) {
    if (element.type == kind::rule) {
        return element.index;
    }
    const bool must_repeat = element.type == kind::repeat && g.repeats[element.index].min > 0;
    return must_repeat ? g.repeats[element.index].rule : UINT32_MAX;
}

/** Which alternatives wait for each rule: those of rule r are `alternatives` from starts[r] to starts[r + 1]. */
struct dependents {
    std::vector<uint32_t> starts, alternatives;
};

template <typename F> void for_each_need(const grammar & g, F && run) {
    for (uint32_t a = 0; a < g.alternatives.size(); a++) {
        for (uint32_t i = g.alternatives[a]; g.elements[i].type != kind::end; i++) {
            if (const uint32_t rule = needed_rule(g, g.elements[i]); rule != UINT32_MAX) {
                run(a, rule);
            }
        }
    }
}

dependents find_dependents(const grammar & g) {
    dependents result;
    result.starts.resize(g.rules.size() + 1);
    for_each_need(g, [&](uint32_t, uint32_t rule) { result.starts[rule + 1]++; });
    for (size_t r = 0; r < g.rules.size(); r++) {
        result.starts[r + 1] += result.starts[r];
    }
    result.alternatives.resize(result.starts.back());
    std::vector<uint32_t> next(result.starts.begin(), result.starts.end() - 1);
    for_each_need(g, [&](uint32_t a, uint32_t rule) { result.alternatives[next[rule]++] = a; });
    return result;
}

} // namespace

void grammar_costs::settle_rules(const grammar & g) {
    const dependents waiting = find_dependents(g);
    std::vector<uint32_t> n_needs(g.alternatives.size()), rule_of(g.alternatives.size());
    for_each_need(g, [&](uint32_t a, uint32_t) { n_needs[a]++; });
    for (uint32_t r = 0; r < g.rules.size(); r++) {
        std::fill_n(rule_of.begin() + g.rules[r].first_alternative, g.rules[r].n_alternatives, r);
    }

    using offer = std::pair<uint64_t, uint32_t>; // cost, rule
    std::priority_queue<offer, std::vector<offer>, std::greater<>> offers;
    const auto make_offer = [&](uint32_t a) {
        uint64_t cost = 0;
        for (uint32_t i = g.alternatives[a]; g.elements[i].type != kind::end; i++) {
            cost = byte_cost::add(cost, of_element(g, g.elements[i]));
        }
        if (cost != byte_cost::never) {
            offers.push({cost, rule_of[a]});
        }
    };
    for (uint32_t a = 0; a < g.alternatives.size(); a++) {
        if (n_needs[a] == 0) {
            make_offer(a);
        }
    }
    while (!offers.empty()) {
        const auto [cost, rule] = offers.top();
        offers.pop();
        if (rules_[rule] != byte_cost::never) {
            continue; // settled at less
        }
        rules_[rule] = cost;
        for (uint32_t i = waiting.starts[rule]; i < waiting.starts[rule + 1]; i++) {
            if (--n_needs[waiting.alternatives[i]] == 0) {
                make_offer(waiting.alternatives[i]);
            }
        }
    }
}

} // namespace bllossom
