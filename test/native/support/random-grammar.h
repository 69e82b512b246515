#pragma once
// Small random grammars, and a matcher that follows the definition by trying everything.

#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tiny {

/** Characters of one to four bytes; some differ only in their last byte. */
const std::vector<std::string> & grammar_alphabet();

class random_grammar {
  public:
    /** Usually compiles; some are left-recursive or endless. */
    explicit random_grammar(std::mt19937 & random);

    /** As GBNF. */
    std::string text() const;

    struct verdict {
        bool is_text;      // of the grammar
        bool is_beginning; // of a text of the grammar
    };

    /** Whether these characters (indices of the alphabet) are a text. The grammar must be one that compiles. */
    verdict judge(const std::vector<int> & chars) const;

  private:
    struct item {
        enum class kind { chars, rule, group };
        kind type = kind::chars;
        std::set<int> chars; // of the alphabet
        size_t rule = 0;
        std::vector<std::vector<item>> group;
        int min = 1, max = 1; // repetitions; -1: no limit
    };
    using alternatives = std::vector<std::vector<item>>;

    struct search; // judge's

    alternatives make(std::mt19937 & random, int depth) const;
    item make_item(std::mt19937 & random, int depth) const;
    static std::string write(const alternatives & a);

    std::vector<alternatives> rules_;
    size_t n_rules_;
};

} // namespace tiny
