#pragma once
// The text of a grammar as rules, before they are compared with each other (grammar.cpp). Iterative: no text can
// exhaust the stack.

#include "grammar.h"

#include <string>
#include <string_view>
#include <vector>

namespace bllossom {

struct parsed_rule {
    std::string name;    // empty: a group or a repeated item
    size_t offset   = 0; // in the text: of the definition, or of the first reference
    bool is_defined = false;
    std::vector<grammar_element> elements; // alternatives one after the other, each with its end
};

struct parsed_grammar {
    std::vector<parsed_rule> rules;
    std::vector<grammar_repeat> repeats;
    std::vector<size_t> repeat_offsets; // where each repetition is written
    std::vector<char_set> sets;
};

/** Throws error{invalid_option}. */
parsed_grammar parse_gbnf(std::string_view text);

} // namespace bllossom
