#include "support/random-grammar.h"

#include <map>

namespace tiny {

const std::vector<std::string> & grammar_alphabet() {
    static const std::vector<std::string> characters = {"a", "b", "c", "é", "è", "가", "각", "한", "😀", "😁"};
    return characters;
}

random_grammar::random_grammar(std::mt19937 & random) : n_rules_(1 + random() % 4) {
    for (size_t i = 0; i < n_rules_; i++) {
        rules_.push_back(make(random, 0));
    }
}

random_grammar::alternatives random_grammar::make(std::mt19937 & random, int depth) const {
    alternatives result(1 + random() % 3);
    for (auto & sequence : result) {
        for (size_t n = random() % 4; n > 0; n--) {
            sequence.push_back(make_item(random, depth));
        }
    }
    return result;
}

random_grammar::item random_grammar::make_item(std::mt19937 & random, int depth) const {
    item one;
    const auto choice = random() % 10;
    if (choice < 6 || (choice < 8 && depth == 2)) {
        for (size_t n = 1 + (random() % 3) * (random() % 3); n > 0; n--) {
            one.chars.insert(int(random() % grammar_alphabet().size()));
        }
    } else if (choice < 8) {
        one.type  = item::kind::group;
        one.group = make(random, depth + 1);
    } else {
        one.type = item::kind::rule;
        one.rule = random() % n_rules_;
    }
    if (random() % 3 == 0) {
        one.min = int(random() % 3);
        one.max = random() % 3 == 0 ? -1 : one.min + int(random() % 4);
    }
    return one;
}

std::string random_grammar::write(const alternatives & a) {
    std::string text;
    for (size_t i = 0; i < a.size(); i++) {
        text += i > 0 ? " | " : "";
        for (const item & one : a[i]) {
            if (one.type == item::kind::group) {
                text += "(" + write(one.group) + ")";
            } else if (one.type == item::kind::rule) {
                text += one.rule == 0 ? "root" : "r" + std::to_string(one.rule);
            } else {
                std::string all;
                for (const int c : one.chars) {
                    all += grammar_alphabet()[size_t(c)];
                }
                text += one.chars.size() == 1 ? "\"" + all + "\"" : "[" + all + "]";
            }
            if (one.min != 1 || one.max != 1) {
                text += "{" + std::to_string(one.min) + "," + (one.max < 0 ? "" : std::to_string(one.max)) + "}";
            }
            text += " ";
        }
    }
    return text;
}

std::string random_grammar::text() const {
    std::string text;
    for (size_t i = 0; i < rules_.size(); i++) {
        text += (i == 0 ? "root" : "r" + std::to_string(i)) + " ::= " + write(rules_[i]) + "\n";
    }
    return text;
}

// --- the definition ------------------------------------------------------------------------------------------------

/** Where something can end that begins at a place, and whether the characters can run out inside of it. */
struct random_grammar::search {
    struct result {
        std::set<size_t> ends;
        bool runs_out = false;
    };

    const random_grammar & g;
    const std::vector<int> & chars;
    std::map<std::pair<size_t, size_t>, result> known; // by rule and place

    result once(const item & one, size_t at) {
        if (one.type == item::kind::group) {
            return any(one.group, at);
        }
        if (one.type == item::kind::rule) {
            const auto key = std::make_pair(one.rule, at);
            if (known.count(key) == 0) {
                known[key] = any(g.rules_[one.rule], at); // no left recursion: it never comes back to this key
            }
            return known[key];
        }
        const bool matches = at < chars.size() && one.chars.count(chars[at]) > 0;
        return {matches ? std::set<size_t>{at + 1} : std::set<size_t>{}, at == chars.size()};
    }

    result repeated(const item & one, size_t at) {
        result all;
        std::set<size_t> reached = {at};
        // Further than one item a character nothing changes any more.
        const int most = one.max < 0 ? one.min + int(chars.size()) + 1 : one.max;
        for (int n = 0; n <= most && !reached.empty(); n++) {
            if (n >= one.min) {
                all.ends.insert(reached.begin(), reached.end());
            }
            if (n == most) {
                break;
            }
            std::set<size_t> further;
            for (const size_t place : reached) {
                const result next = once(one, place);
                further.insert(next.ends.begin(), next.ends.end());
                all.runs_out = all.runs_out || next.runs_out;
            }
            reached = further;
        }
        return all;
    }

    result any(const alternatives & a, size_t at) {
        result all;
        for (const auto & sequence : a) {
            std::set<size_t> reached = {at};
            for (const item & one : sequence) {
                std::set<size_t> further;
                for (const size_t place : reached) {
                    const result next = repeated(one, place);
                    further.insert(next.ends.begin(), next.ends.end());
                    all.runs_out = all.runs_out || next.runs_out;
                }
                reached = further;
            }
            all.ends.insert(reached.begin(), reached.end());
        }
        all.runs_out = all.runs_out || at == chars.size();
        return all;
    }
};

random_grammar::verdict random_grammar::judge(const std::vector<int> & chars) const {
    search s{*this, chars, {}};
    const auto result   = s.any(rules_[0], 0);
    const bool is_whole = result.ends.count(chars.size()) > 0;
    return {is_whole, is_whole || result.runs_out};
}

} // namespace tiny
