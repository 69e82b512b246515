#pragma once
// A grammar in GBNF, llama.cpp's dialect, compiled: what a text may be. Immutable; may be used from any thread.
//
//   root  ::= "{" ws pair ("," ws pair)* "}"     # literals, groups, `|`, and  * + ? {m} {m,} {m,n}
//   pair  ::= [a-z]+ ":" ws [^"\\\x00-\x1F]{1,8} # classes of characters; `.` is any character
//   ws    ::= [ \t\n]?
//
// A text is matched from `root`. Repetitions stay counted, however large the count: nothing is written out.

#include "char-set.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bllossom {

namespace grammar_limits {
constexpr size_t max_bytes    = 1 << 20; // of the text
constexpr size_t max_rules    = 8192;    // with a name
constexpr size_t max_elements = 262144;  // characters of literals, ranges of classes, references, repetitions, ends
constexpr size_t max_depth    = 64;      // groups within groups
constexpr uint32_t max_repeat = 1000000;
constexpr uint32_t unbounded  = UINT32_MAX;
} // namespace grammar_limits

struct grammar_element {
    enum class kind : uint32_t {
        end,    // of an alternative
        chars,  // one character; index of a set
        rule,   // index of a rule
        repeat, // index of a repetition
    };
    kind type;
    uint32_t index;
};

struct grammar_repeat {
    uint32_t rule;
    uint32_t min, max; // max: grammar_limits::unbounded for no limit
};

/** Groups and repeated items are rules without a name. */
struct grammar_rule {
    uint32_t first_alternative, n_alternatives;
};

struct grammar {
    std::vector<grammar_element> elements; // of all alternatives, each with its end
    std::vector<uint32_t> alternatives;    // index of the first element
    std::vector<grammar_rule> rules;
    std::vector<grammar_repeat> repeats;
    std::vector<char_set> sets;
    uint32_t root = 0;
};

/**
 * Throws error{invalid_option}, with line and column, for what is not GBNF, exceeds grammar_limits, or describes no
 * text: rules that are missing, defined twice, left-recursive or endless, and endless repetitions of nothing.
 */
std::shared_ptr<const grammar> compile_grammar(const std::string & text);

} // namespace bllossom
