#include "grammar.h"

#include "error.h"
#include "gbnf-parser.h"
#include "gbnf-scanner.h"
#include "grammar-cost.h"

namespace bllossom {

using kind = grammar_element::kind;

namespace {

std::string title(const parsed_rule & rule) {
    return rule.name.empty() ? "this group" : "the rule \"" + rule.name.substr(0, 64) + "\"";
}

uint32_t find_root(const parsed_grammar & parsed) {
    for (uint32_t r = 0; r < parsed.rules.size(); r++) {
        if (parsed.rules[r].name == "root") {
            return r;
        }
    }
    throw error(error_code::invalid_option, "the grammar has no rule \"root\": a text begins there");
}

/** The rules one after the other. */
grammar lay_out(parsed_grammar & parsed) {
    grammar g;
    g.root    = find_root(parsed);
    g.repeats = parsed.repeats;
    g.sets    = std::move(parsed.sets);
    for (const parsed_rule & rule : parsed.rules) {
        const auto first_alternative = uint32_t(g.alternatives.size());
        bool begins                  = true;
        for (const grammar_element & element : rule.elements) {
            if (begins) {
                g.alternatives.push_back(uint32_t(g.elements.size()));
            }
            begins = element.type == kind::end;
            g.elements.push_back(element);
        }
        g.rules.push_back({first_alternative, uint32_t(g.alternatives.size()) - first_alternative});
    }
    return g;
}

/** What must be right about every rule on its own. A rule that may match nothing is one that costs no bytes. */
void check_rules(const grammar & g, const parsed_grammar & parsed, const grammar_costs & costs, std::string_view text) {
    for (uint32_t r = 0; r < parsed.rules.size(); r++) {
        if (costs.of_rule(r) == byte_cost::never) {
            fail_at(text, parsed.rules[r].offset,
                    title(parsed.rules[r]) + " can never end: every alternative needs it");
        }
    }
    for (size_t i = 0; i < g.repeats.size(); i++) {
        if (g.repeats[i].max == grammar_limits::unbounded && costs.of_rule(g.repeats[i].rule) == 0) {
            fail_at(text, parsed.repeat_offsets[i], "what is repeated without end may be empty");
        }
    }
}

/** The rules that can come first in a rule: reached before any character. */
std::vector<uint32_t> leading_rules(const grammar & g, const grammar_rule & rule, const grammar_costs & costs) {
    std::vector<uint32_t> leading;
    for (uint32_t a = 0; a < rule.n_alternatives; a++) {
        for (uint32_t i = g.alternatives[rule.first_alternative + a];; i++) {
            const grammar_element & element = g.elements[i];
            if (element.type == kind::end || element.type == kind::chars) {
                break;
            }
            const bool repeats = element.type == kind::repeat;
            const uint32_t r   = repeats ? g.repeats[element.index].rule : element.index;
            leading.push_back(r);
            if (costs.of_rule(r) > 0 && !(repeats && g.repeats[element.index].min == 0)) {
                break;
            }
        }
    }
    return leading;
}

/** Depth first without recursion: a rule that leads back to one still open is left-recursive. */
void check_left_recursion(const grammar & g, const parsed_grammar & parsed, const grammar_costs & costs,
                          std::string_view text) {
    enum class color : uint8_t { fresh, open, closed };
    struct visit {
        uint32_t rule;
        std::vector<uint32_t> leading;
    };
    std::vector<color> colors(g.rules.size(), color::fresh);
    std::vector<visit> path;
    const auto enter = [&](uint32_t rule) {
        colors[rule] = color::open;
        path.push_back({rule, leading_rules(g, g.rules[rule], costs)});
    };
    for (uint32_t start = 0; start < g.rules.size(); start++) {
        if (colors[start] == color::fresh) {
            enter(start);
        }
        while (!path.empty()) {
            if (path.back().leading.empty()) {
                colors[path.back().rule] = color::closed;
                path.pop_back();
                continue;
            }
            const uint32_t next = path.back().leading.back();
            path.back().leading.pop_back();
            if (colors[next] == color::open) {
                fail_at(text, parsed.rules[next].offset,
                        title(parsed.rules[next]) + " is left-recursive: it can begin with itself");
            }
            if (colors[next] == color::fresh) {
                enter(next);
            }
        }
    }
}

} // namespace

std::shared_ptr<const grammar> compile_grammar(const std::string & text) {
    parsed_grammar parsed = parse_gbnf(text);
    for (const parsed_rule & rule : parsed.rules) {
        if (!rule.is_defined) {
            fail_at(text, rule.offset, title(rule) + " is not defined");
        }
    }
    const auto g = std::make_shared<const grammar>(lay_out(parsed));
    const grammar_costs costs(*g, byte_set().set());
    check_rules(*g, parsed, costs, text);
    check_left_recursion(*g, parsed, costs, text);
    return g;
}

} // namespace bllossom
