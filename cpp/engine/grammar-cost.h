#pragma once
// How far the end is: the least number of bytes that complete a text, from every place of a grammar.
//
// Knuth's generalisation of Dijkstra's algorithm: the cost of a rule is that of its cheapest alternative, the cost of
// an alternative the sum of its elements; rules are settled from the cheapest up, so that each is looked at once.

#include "grammar.h"

#include <cstdint>
#include <vector>

namespace bllossom {

namespace byte_cost {
constexpr uint64_t never = UINT64_MAX;        // no text completes it
constexpr uint64_t huge  = uint64_t(1) << 62; // this or more

/** Saturating: `huge` stays `huge`, `never` stays `never`. */
uint64_t add(uint64_t a, uint64_t b);
uint64_t multiply(uint64_t count, uint64_t cost);
} // namespace byte_cost

class grammar_costs {
  public:
    /** bytes: those that can be written; a character that needs others costs `never`. */
    grammar_costs(const grammar & g, const byte_set & bytes);

    uint64_t of_rule(uint32_t rule) const { return rules_[rule]; }

    /** From this element to the end of its alternative. */
    uint64_t from(uint32_t element) const { return suffixes_[element]; }

    const byte_set & bytes() const { return bytes_; }

  private:
    uint64_t of_element(const grammar & g, const grammar_element & element) const;
    void settle_rules(const grammar & g);

    byte_set bytes_;
    std::vector<uint64_t> sets_;     // [g.sets]
    std::vector<uint64_t> rules_;    // [g.rules]
    std::vector<uint64_t> suffixes_; // [g.elements]
};

} // namespace bllossom
