// Matching: against a matcher that follows the definition by trying everything, byte by byte.

#include "check.h"
#include "error.h"
#include "grammar-matcher.h"
#include "support/random-grammar.h"

#include <chrono>
#include <functional>
#include <optional>

using namespace bllossom;

namespace {

using state         = grammar_matcher::state;
constexpr auto dead = grammar_matcher::dead;

grammar_matcher matcher_of(const std::string & text, const byte_set & bytes = byte_set().set()) {
    const auto g = compile_grammar(text);
    return grammar_matcher(g, std::make_shared<const grammar_costs>(*g, bytes));
}

state after(grammar_matcher & m, const std::string & bytes) {
    state s = m.start();
    for (size_t i = 0; i < bytes.size() && s != dead; i++) {
        s = m.next(s, uint8_t(bytes[i]));
    }
    return s;
}

/** 'x': no text begins so; '.': some does; '$': it is one; '!': and nothing can follow. */
char verdict(grammar_matcher & m, const std::string & bytes) {
    const state s = after(m, bytes);
    return s == dead ? 'x' : m.is_exhausted(s) ? '!' : m.may_end(s) ? '$' : '.';
}

/** The verdicts after 0, 1, … all bytes. */
std::string verdicts(const std::string & grammar, const std::string & bytes) {
    grammar_matcher m = matcher_of(grammar);
    std::string all;
    for (size_t n = 0; n <= bytes.size(); n++) {
        all += verdict(m, bytes.substr(0, n));
    }
    return all;
}

// --- by hand -------------------------------------------------------------------------------------------------------

void small_grammars_match_as_written() {
    CHECK(verdicts("root ::= \"ab\" | \"a\"", "ab") == ".$!");
    CHECK(verdicts("root ::= \"ab\" | \"a\"", "b") == ".x");
    CHECK(verdicts("root ::= \"\"", "a") == "!x");
    CHECK(verdicts("root ::= \"a\"*", "aab") == "$$$x");
    CHECK(verdicts("root ::= \"a\"{2,3}", "aaaa") == "..$!x");
    CHECK(verdicts("root ::= (\"a\" | \"b\"){2} \"c\"", "abc") == "...!");
    CHECK(verdicts("root ::= \"(\" root \")\" | \"x\"", "((x))") == ".....!");
    CHECK(verdicts("root ::= \"x\" root | \"x\"", "xxxx") == ".$$$$");
    CHECK(verdicts("root ::= (\"a\"?){0,1000000} \"b\"", "aab") == "...!");
    CHECK(verdicts("root ::= (\"a\"?){1000000}", "aa") == "$$$");
    CHECK(verdicts("root ::= \"a\"{999999,1000000}", "aa") == "...");
    CHECK(verdicts("root ::= [^a]", "\n") == ".!");
    CHECK(verdicts("root ::= [\\x00-\\x1F]", std::string(1, '\0')) == ".!");
}

void characters_are_matched_byte_by_byte() {
    const std::string han = "한"; // ED 95 9C
    CHECK(verdicts("root ::= \"한\"", han) == "...!");
    CHECK(verdicts("root ::= [가-힣]", han) == "...!");
    CHECK(verdicts("root ::= [가-각]", "가") == "...!");
    CHECK(verdicts("root ::= [가-각]", "\xEA\xB0\x82") == "...x");
    CHECK(verdicts("root ::= [가-각]", "\xEA\xB1") == "..x");
    CHECK(verdicts("root ::= [가-힣]", "\xEA\xAF") == "..x"); // below 가
    CHECK(verdicts("root ::= [가-힣]", "\xED\x9E\xA3") == "...!");
    CHECK(verdicts("root ::= [가-힣]", "\xED\x9E\xA4") == "...x"); // above 힣
    CHECK(verdicts("root ::= [^가-힣]", "\xED\x9E\xA4") == "...!");
    CHECK(verdicts("root ::= [^가-힣]", "\xEC\x80") == ".xx"); // nothing but Hangul begins so
    CHECK(verdicts("root ::= [😀-😁] \"한\"", "😁한") == ".......!");
}

void invalid_utf8_is_never_accepted() {
    const std::vector<std::string> invalid = {
        "\x80",         "\xBF",         "\xC0\x80",         "\xC1\xBF",         "\xC2\x41",
        "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",     "\xED\xBF\xBF",     "\xE1\x80\xC0",
        "\xF0\x80\x80", "\xF0\x8F\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"};
    for (const char * grammar : {"root ::= .*", "root ::= [^a]*", "root ::= [\\x80-\\U0010FFFF]*"}) {
        grammar_matcher m = matcher_of(grammar);
        for (const std::string & bytes : invalid) {
            CHECK(verdict(m, bytes) == 'x');
            CHECK(verdict(m, "한" + bytes) == 'x');
        }
        for (const char * bytes : {"\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80",
                                   "\xF4\x8F\xBF\xBF", "\xEF\xBF\xBD"}) {
            CHECK(verdict(m, bytes) == '$');
        }
    }
}

/** Every byte sequence of up to three bytes, and all leads of four: accepted exactly where it begins a character. */
void every_beginning_of_a_character_is_judged_right() {
    grammar_matcher any = matcher_of("root ::= ."), some = matcher_of("root ::= [^\\u0800-\\uABCD]");
    for (int a = 0; a < 256; a++) {
        for (int b = 0x7F; b <= 0xC0; b++) {
            for (const int c : {0x7F, 0x80, 0x8D, 0x8E, 0xBF, 0xC0}) {
                const std::string bytes = {char(a), char(b), char(c)};
                const bool three        = (a & 0xF0) == 0xE0 && (b & 0xC0) == 0x80 && (c & 0xC0) == 0x80;
                const uint32_t code     = uint32_t(a & 0xF) << 12 | uint32_t(b & 0x3F) << 6 | uint32_t(c & 0x3F);
                const bool valid        = three && code >= 0x800 && (code < 0xD800 || code > 0xDFFF);
                const bool four         = (a == 0xF0 && b >= 0x90 && b < 0xC0) ||
                                  (a > 0xF0 && a < 0xF4 && b >= 0x80 && b < 0xC0) ||
                                  (a == 0xF4 && b >= 0x80 && b < 0x90);
                const bool four_valid = four && (c & 0xC0) == 0x80;
                CHECK(verdict(any, bytes) == (valid ? '!' : four_valid ? '.' : 'x'));
                CHECK(verdict(some, bytes) == (valid && code > 0xABCD ? '!' : four_valid ? '.' : 'x'));
            }
        }
    }
}

// --- against the definition ----------------------------------------------------------------------------------------

/** The cost of a state is 0 where the text may end, else one more than the least after a byte: so it is the distance.
 */
void check_cost(grammar_matcher & m, state s) {
    uint64_t least = byte_cost::never;
    for (int byte = 0; byte < 256; byte++) {
        const state next = m.next(s, uint8_t(byte));
        least            = next == dead ? least : std::min(least, m.cost(next));
    }
    CHECK(m.may_end(s) ? m.cost(s) == 0 : m.cost(s) == least + 1);
    CHECK(m.is_exhausted(s) == (m.may_end(s) && least == byte_cost::never));
}

/** Follows one random text and compares after every byte. False once no text begins like it. */
void compare_one_text(const tiny::random_grammar & g, grammar_matcher & m, std::mt19937 & random) {
    const auto & alphabet = tiny::grammar_alphabet();
    std::vector<int> chars;
    state s = m.start();
    for (int length = 0; length < 8; length++) {
        const auto wanted = g.judge(chars);
        CHECK(wanted.is_beginning == (s != dead));
        if (s == dead || !wanted.is_beginning) {
            return;
        }
        CHECK(wanted.is_text == m.may_end(s));
        check_cost(m, s);
        // mostly characters that can follow: others end the comparison
        std::vector<int> following;
        for (int c = 0; c < int(alphabet.size()); c++) {
            chars.push_back(c);
            if (g.judge(chars).is_beginning) {
                following.push_back(c);
            }
            chars.pop_back();
        }
        const bool follow = !following.empty() && random() % 8 != 0;
        const int c       = follow ? following[random() % following.size()] : int(random() % alphabet.size());
        for (size_t i = 0; i < alphabet[size_t(c)].size() && s != dead; i++) {
            s                      = m.next(s, uint8_t(alphabet[size_t(c)][i]));
            const std::string read = alphabet[size_t(c)].substr(0, i + 1);
            bool possible          = false;
            for (const int other : following) {
                possible = possible || alphabet[size_t(other)].compare(0, read.size(), read) == 0;
            }
            CHECK(possible == (s != dead));
            if (s != dead) {
                check_cost(m, s);
            }
        }
        chars.push_back(c);
    }
}

void random_grammars_match_as_defined() {
    std::mt19937 random(7);
    int n_taken = 0, n_refused = 0, n_ambiguous = 0;
    for (int round = 0; round < 12000; round++) {
        const tiny::random_grammar g(random);
        std::optional<grammar_matcher> m;
        try {
            m.emplace(matcher_of(g.text()));
        } catch (const error & e) {
            CHECK(e.code() == error_code::invalid_option);
            n_refused++;
            continue;
        }
        n_taken++;
        const int failures = check::failures;
        try {
            for (int i = 0; i < 6; i++) {
                compare_one_text(g, *m, random);
                m->begin_token(m->start());
            }
        } catch (const error & e) {
            CHECK(std::string(e.what()).find("too ambiguous") != std::string::npos);
            n_ambiguous++;
        }
        if (check::failures > failures) {
            std::fprintf(stderr, "in\n%s", g.text().c_str());
            return;
        }
    }
    std::printf("random grammars: %d matched, %d refused, %d given up as too ambiguous\n", n_taken - n_ambiguous,
                n_refused, n_ambiguous);
    CHECK(n_taken > 2500 && n_refused > 100 && n_ambiguous < n_taken / 100);
}

// --- bytes that cannot be written ----------------------------------------------------------------------------------

void characters_without_bytes_are_out_of_reach() {
    byte_set no_han = byte_set().set(); // 한 is ED 95 9C
    no_han.reset(0x9C);
    CHECK(matcher_of("root ::= \"한\"", no_han).start() == dead);
    grammar_matcher m = matcher_of("root ::= \"한\" | \"abcd\"", no_han);
    CHECK(m.cost(m.start()) == 4 && verdict(m, "\xED") == 'x');
    grammar_matcher wide = matcher_of("root ::= [한-힣]", no_han);
    CHECK(wide.cost(wide.start()) == 3 && verdict(wide, "\xED\x95") == '.' && verdict(wide, "\xED\x95\x9D") == '!');

    byte_set ascii;
    for (size_t i = 0; i < 128; i++) {
        ascii.set(i);
    }
    CHECK(matcher_of("root ::= [가-힣]", ascii).start() == dead);
    CHECK(matcher_of("root ::= \"a\" [가-힣]+ | \"b\" \"ccc\"", ascii).cost(0) == 4);
    std::mt19937 random(3);
    for (int round = 0; round < 300; round++) { // the cost stays the distance when bytes are missing
        const tiny::random_grammar g(random);
        byte_set some = byte_set().set();
        for (int i = 0; i < 40; i++) {
            some.reset(random() % 256);
        }
        try {
            grammar_matcher with = matcher_of(g.text(), some);
            if (with.start() == dead) {
                continue;
            }
            state s = with.start();
            for (int step = 0; step < 20 && with.cost(s) > 0; step++) { // the shortest way, with those bytes alone
                state next = dead;
                for (int byte = 0; byte < 256; byte++) {
                    const state n = some[size_t(byte)] ? with.next(s, uint8_t(byte)) : dead;
                    next          = n != dead && (next == dead || with.cost(n) < with.cost(next)) ? n : next;
                }
                CHECK(next != dead && with.cost(next) + 1 == with.cost(s));
                if (next == dead) {
                    break;
                }
                s = next;
            }
        } catch (const error & e) {
            CHECK(e.code() == error_code::invalid_option);
        }
    }
}

// --- limits --------------------------------------------------------------------------------------------------------

/** Feeds a text until its end or an error; the error's message. */
std::string fed(grammar_matcher & m, const std::function<char(size_t)> & byte_at, size_t n) {
    try {
        state s = m.start();
        for (size_t i = 0; i < n; i++) {
            s = m.begin_token(m.next(s, uint8_t(byte_at(i))));
            CHECK(s != dead);
        }
    } catch (const error & e) {
        CHECK(e.code() == error_code::invalid_option);
        return e.what();
    }
    return "";
}

void ambiguity_ends_in_an_error() {
    const auto all_a = [](size_t) { return 'a'; };
    std::string many = "root ::= (\"\"";
    for (int i = 0; i < 5000; i++) {
        many += "|\"a" + std::to_string(i) + "\"";
    }
    try {
        matcher_of(many + ")");
        CHECK(false);
    } catch (const error & e) {
        CHECK(std::string(e.what()).find("too ambiguous") != std::string::npos);
    }
    for (const char * grammar :
         {"root ::= (\"a\"{0,1000000}){0,1000000}", "root ::= ((\"a\"{0,9}){0,999}){0,999} \"b\"",
          "root ::= \"a\" root \"b\"? root \"c\"? | \"a\"", "root ::= (\"a\" | root \"b\"?){1,9}",
          "root ::= x x x x x x \"b\"\nx ::= (\"a\" | \"aa\" | \"aaa\"){0,5000}"}) {
        try {
            grammar_matcher m         = matcher_of(grammar);
            const std::string message = fed(m, all_a, 20000);
            CHECK(message.empty() || message.find("too ambiguous") != std::string::npos);
        } catch (const error & e) {
            CHECK(e.code() == error_code::invalid_option);
        }
    }
}

void long_texts_keep_the_matcher_small() {
    grammar_matcher json =
        matcher_of("root ::= \"[\" (root (\",\" root)*)? \"]\" | \"\\\"\" [^\"\\\\]* \"\\\"\" | [0-9]{1,9}");
    const std::string text = "[[12,\"ab\"],";
    CHECK(fed(
              json, [&](size_t i) { return text[i % text.size()]; }, 200000)
              .empty());
    grammar_matcher counted = matcher_of("root ::= [a-z]{1000000}");
    CHECK(fed(
              counted, [](size_t i) { return char('a' + i % 26); }, 1000000)
              .empty());
    grammar_matcher deep = matcher_of("root ::= \"(\" root \")\" | \"x\"");
    CHECK(fed(
              deep, [](size_t i) { return i < 300000    ? '('
                                          : i == 300000 ? 'x'
                                                        : ')'; }, 600001)
              .empty());
    grammar_matcher right = matcher_of("root ::= [a-z] root | \".\"");
    CHECK(fed(
              right, [](size_t) { return 'k'; }, 1000000)
              .empty());
}

} // namespace

int main() {
    small_grammars_match_as_written();
    characters_are_matched_byte_by_byte();
    invalid_utf8_is_never_accepted();
    every_beginning_of_a_character_is_judged_right();
    random_grammars_match_as_defined();
    characters_without_bytes_are_out_of_reach();
    ambiguity_ends_in_an_error();
    long_texts_keep_the_matcher_small();
    return check::summary();
}
