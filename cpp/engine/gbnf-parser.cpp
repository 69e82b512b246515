#include "gbnf-parser.h"

#include "error.h"
#include "gbnf-scanner.h"

#include <unordered_map>

namespace bllossom {

using kind       = grammar_element::kind;
namespace limits = grammar_limits;

namespace {

class parser {
  public:
    explicit parser(std::string_view text) : in_(text) {}

    parsed_grammar parse() {
        in_.skip_space(true);
        while (!in_.at_end()) {
            parse_rule();
            in_.skip_space(true);
        }
        return std::move(out_);
    }

  private:
    static constexpr size_t no_item = SIZE_MAX;

    /** A rule or group that is being read. */
    struct level {
        size_t offset;
        std::vector<grammar_element> elements;
        size_t last_item; // first element of what a repetition would repeat
    };

    uint32_t rule_named(std::string_view name, size_t offset) {
        const auto [found, is_new] = names_.try_emplace(std::string(name), uint32_t(out_.rules.size()));
        if (is_new) {
            if (names_.size() > limits::max_rules) {
                in_.fail(offset, format("rule number %zu, the limit is %zu: use fewer rules", names_.size(),
                                        limits::max_rules));
            }
            out_.rules.push_back({std::string(name), offset, false, {}});
        }
        return found->second;
    }

    // --- elements --------------------------------------------------------------------------------------------------

    void count_element(size_t offset) {
        if (++n_elements_ > limits::max_elements) {
            in_.fail(offset, format("the grammar has more than %zu elements: shorten it", limits::max_elements));
        }
    }

    void push(grammar_element element, size_t offset) {
        count_element(offset);
        levels_.back().elements.push_back(element);
    }

    void begin_item() { levels_.back().last_item = levels_.back().elements.size(); }

    /** Equal classes are stored once, and equal characters of literals. */
    uint32_t set_index(char_set && set) {
        const auto & ranges = set.ranges();
        std::string key(reinterpret_cast<const char *>(ranges.data()), ranges.size() * sizeof(char_range));
        const auto [found, is_new] = sets_.try_emplace(std::move(key), uint32_t(out_.sets.size()));
        if (is_new) {
            out_.sets.push_back(std::move(set));
        }
        return found->second;
    }

    uint32_t single_char(uint32_t code) {
        const auto [found, is_new] = singles_.try_emplace(code, 0);
        if (is_new) {
            found->second = uint32_t(out_.sets.size());
            out_.sets.emplace_back(code);
        }
        return found->second;
    }

    void parse_literal() {
        const size_t start = in_.pos();
        in_.skip(1);
        begin_item();
        while (in_.peek() != '"') {
            if (in_.at_end()) {
                in_.fail(start, "this literal has no closing quote");
            }
            const size_t at = in_.pos();
            push({kind::chars, single_char(in_.read_char())}, at);
        }
        in_.skip(1);
    }

    void parse_class() {
        const size_t start = in_.pos();
        in_.skip(1);
        const bool negated = in_.peek() == '^';
        in_.skip(negated ? 1 : 0);
        begin_item();
        std::vector<char_range> ranges;
        const auto read_one = [&] {
            if (in_.at_end()) {
                in_.fail(start, "this class has no closing bracket");
            }
            return in_.read_char();
        };
        while (in_.peek() != ']') {
            const size_t at      = in_.pos();
            const uint32_t first = read_one();
            uint32_t last        = first;
            if (in_.peek() == '-' && !in_.sees("-]")) {
                in_.skip(1);
                last = read_one();
            }
            if (first > last) {
                in_.fail(at, format("the range from U+%04X to U+%04X runs backwards", first, last));
            }
            count_element(at);
            ranges.push_back({first, last});
        }
        in_.skip(1);
        char_set set(std::move(ranges), negated);
        if (set.is_empty()) {
            in_.fail(start, "this class holds no character");
        }
        push({kind::chars, set_index(std::move(set))}, start);
    }

    void parse_any_char() {
        begin_item();
        push({kind::chars, set_index(char_set({}, true))}, in_.pos());
        in_.skip(1);
    }

    void parse_reference() {
        const size_t start = in_.pos();
        begin_item();
        push({kind::rule, rule_named(in_.read_name(), start)}, start);
    }

    // --- groups and repetitions ------------------------------------------------------------------------------------

    void end_alternative() {
        push({kind::end, 0}, in_.pos());
        levels_.back().last_item = no_item;
    }

    uint32_t add_unnamed(std::vector<grammar_element> && elements, size_t offset) {
        out_.rules.push_back({"", offset, true, std::move(elements)});
        return uint32_t(out_.rules.size() - 1);
    }

    void open_group() {
        if (levels_.size() > limits::max_depth) {
            in_.fail(in_.pos(), format("groups are nested more than %zu deep: use rules", limits::max_depth));
        }
        levels_.push_back({in_.pos(), {}, no_item});
        in_.skip(1);
    }

    void close_group() {
        end_alternative();
        level group = std::move(levels_.back());
        levels_.pop_back();
        begin_item();
        push({kind::rule, add_unnamed(std::move(group.elements), group.offset)}, group.offset);
        in_.skip(1);
    }

    void parse_repeat() {
        const size_t start = in_.pos();
        const char op      = in_.peek();
        in_.skip(1);
        uint32_t min = op == '+' ? 1 : 0, max = op == '?' ? 1 : limits::unbounded;
        if (op == '{') {
            in_.skip_space(false);
            min = max = in_.read_count();
            in_.skip_space(false);
            if (in_.peek() == ',') {
                in_.skip(1);
                in_.skip_space(false);
                max = in_.peek() == '}' ? limits::unbounded : in_.read_count();
                in_.skip_space(false);
            }
            if (in_.peek() != '}') {
                in_.fail_expecting("\"}\"");
            }
            in_.skip(1);
        }
        if (min > max) {
            in_.fail(start, format("at least %u and at most %u repetitions", min, max));
        }
        repeat_last_item(min, max, start);
    }

    void repeat_last_item(uint32_t min, uint32_t max, size_t offset) {
        auto & [level_offset, elements, last_item] = levels_.back();
        if (last_item == no_item) {
            in_.fail(offset, "nothing stands here that could be repeated");
        }
        const auto first = elements.begin() + ptrdiff_t(last_item);
        std::vector<grammar_element> body(first, elements.end());
        elements.erase(first, elements.end());
        if (body.empty() && max == limits::unbounded) {
            in_.fail(offset, "an empty literal is repeated without end");
        }
        if (max == 0 || body.empty()) {
            return;
        }
        uint32_t rule = body.front().index;
        if (body.size() > 1 || body.front().type != kind::rule) {
            count_element(offset);
            body.push_back({kind::end, 0});
            rule = add_unnamed(std::move(body), offset);
        }
        push({kind::repeat, uint32_t(out_.repeats.size())}, offset);
        out_.repeats.push_back({rule, min, max});
        out_.repeat_offsets.push_back(offset);
    }

    // --- rules -----------------------------------------------------------------------------------------------------

    void parse_rule() {
        const size_t start          = in_.pos();
        const std::string_view name = in_.read_name();
        const uint32_t index        = rule_named(name, start);
        if (out_.rules[index].is_defined) {
            in_.fail(start, "the rule \"" + std::string(name.substr(0, 64)) + "\" is defined twice");
        }
        in_.skip_space(false);
        if (!in_.sees("::=")) {
            in_.fail_expecting("\"::=\"");
        }
        in_.skip(3);
        in_.skip_space(true);
        levels_.push_back({start, {}, no_item});
        while (parse_item()) {
            in_.skip_space(levels_.size() > 1);
        }
        end_alternative();
        parsed_rule & rule = out_.rules[index];
        rule.offset        = start;
        rule.is_defined    = true;
        rule.elements      = std::move(levels_.back().elements);
        levels_.pop_back();
    }

    /** False at the end of the rule. */
    bool parse_item() {
        const bool nested = levels_.size() > 1;
        switch (in_.peek()) {
        case '"':
            parse_literal();
            return true;
        case '[':
            parse_class();
            return true;
        case '.':
            parse_any_char();
            return true;
        case '(':
            open_group();
            return true;
        case '|':
            end_alternative();
            in_.skip(1);
            in_.skip_space(true);
            return true;
        case '*':
        case '+':
        case '?':
        case '{':
            parse_repeat();
            return true;
        case '\r':
        case '\n':
            return false;
        default:
            break;
        }
        if (in_.peek() == ')' && nested) {
            close_group();
        } else if (in_.sees_name()) {
            parse_reference();
        } else if (!in_.at_end()) {
            in_.fail(in_.pos(), "unexpected " + in_.next_shown());
        } else if (nested) {
            in_.fail(levels_.back().offset, "this group is not closed");
        } else {
            return false;
        }
        return true;
    }

    gbnf_scanner in_;
    size_t n_elements_ = 0;
    std::vector<level> levels_; // the rule, then the open groups in it
    std::unordered_map<std::string, uint32_t> names_;
    std::unordered_map<std::string, uint32_t> sets_;
    std::unordered_map<uint32_t, uint32_t> singles_;
    parsed_grammar out_;
};

} // namespace

parsed_grammar parse_gbnf(std::string_view text) {
    return parser(text).parse();
}

} // namespace bllossom
