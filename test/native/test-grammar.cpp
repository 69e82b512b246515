// The text of a grammar: what is taken, what is refused and where, and that nothing takes long.

#include "check.h"
#include "error.h"
#include "grammar-cost.h"
#include "grammar.h"
#include "support/patience.h"

#include <chrono>
#include <cstring>
#include <functional>

using namespace bllossom;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr double max_seconds = 3; // the sanitizers cost that much
#else
constexpr double max_seconds = 0.2; // 0.1 is the aim; shared machines have slow hours
#endif

/** The message of a refusal; "" when the grammar is taken. However it ends, it must end soon and with the one code. */
std::string refusal(const std::string & text) {
    const auto start = std::chrono::steady_clock::now();
    std::string message;
    try {
        compile_grammar(text);
    } catch (const error & e) {
        CHECK(e.code() == error_code::invalid_option);
        message = e.what();
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const bool is_soon   = seconds <= patient(max_seconds);
    if (!is_soon) {
        std::fprintf(stderr, "%.3f s for %.60s...\n", seconds, text.c_str());
    }
    CHECK(is_soon);
    return message;
}

bool taken(const std::string & text) {
    const std::string message = refusal(text);
    if (!message.empty()) {
        std::fprintf(stderr, "refused: %s\n", message.c_str());
    }
    return message.empty();
}

/** Whether it is refused with this part in the message. */
bool refused(const std::string & text, const std::string & part) {
    const std::string message = refusal(text);
    if (message.find(part) == std::string::npos) {
        std::fprintf(stderr, "\"%s\" does not hold \"%s\"\n", message.c_str(), part.c_str());
        return false;
    }
    return true;
}

std::string repeated(const std::string & text, size_t n) {
    std::string all;
    all.reserve(text.size() * n);
    for (size_t i = 0; i < n; i++) {
        all += text;
    }
    return all;
}

uint64_t cost(const std::string & text) {
    const auto g = compile_grammar(text);
    return grammar_costs(*g, byte_set().set()).of_rule(g->root);
}

// --- what is taken -------------------------------------------------------------------------------------------------

void the_documented_dialect_is_taken() {
    CHECK(taken("root ::= \"a\""));
    CHECK(taken("\n# a comment\n\nroot ::= # another\n  \"a\" # and one more\n\n#the last"));
    CHECK(taken("root ::= a | b-2\na ::= \"x\"\nb-2 ::= \"y\"\n"));
    CHECK(taken("root ::= a |\n b\r\na ::= \"x\"\r\nb ::= \"y\"\r\n"));
    CHECK(taken("root ::= (\n \"a\"\n | \"b\" # in a group\n)+\n"));
    CHECK(taken("root ::= \"\\\"\\\\\\n\\r\\t\\x41\\uAC00\\U0001F600\\[\\]\""));
    CHECK(taken("root ::= [a-z] [^a-z] [\\]\\[\\-] [-a] [a-] [^] [가-힣] [\\x00-\\x1F] ."));
    CHECK(taken("root ::= \"a\"* \"b\"+ \"c\"? \"d\"{2} \"e\"{2,} \"f\"{2,3} \"g\"{ 1 , 2 } (\"h\" \"i\"){0}"));
    CHECK(taken("root ::= \"\" | \"a\""));
    CHECK(taken("root ::= | \"a\" |"));
    CHECK(taken("root ::=\"a\"(b)\nb::=\"c\""));
    CHECK(taken("root ::= \"a\"{1000000}"));
    CHECK(taken("root ::= \"x\" root | \"y\""));               // right recursion
    CHECK(taken("root ::= \"(\" root \")\" | \"y\""));         // in the middle
    CHECK(taken("root ::= (\"a\"?){0,5} (\"b\"*){3} \"c\"?")); // counted, so not endless
    CHECK(taken("root ::= " + repeated("(", 64) + "\"a\"" + repeated(")", 64)));
}

void the_json_grammar_of_llama_cpp_is_taken() {
    CHECK(taken(R"(root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws

string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws

number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws

ws ::= | " " | "\n" [ \t]{0,20}
)"));
}

void costs_are_the_bytes_of_the_shortest_text() {
    CHECK(cost("root ::= \"\"") == 0 && cost("root ::= \"abc\"") == 3 && cost("root ::= \"한국\"") == 6);
    CHECK(cost("root ::= \"abc\" | \"de\" | \"fghi\"") == 2);
    CHECK(cost("root ::= [가-힣] | \"xyzw\"") == 3 && cost("root ::= [^\\x00-\\x7F]") == 2);
    CHECK(cost("root ::= [\\U00010000-\\U0010FFFF]") == 4 && cost("root ::= .") == 1);
    CHECK(cost("root ::= \"ab\"{3,7} \"c\"* \"d\"+ \"e\"?") == 7);
    CHECK(cost("root ::= \"(\" root \")\" | value\nvalue ::= \"007\" | \"-\" root \"x\"{2}") == 3);
    CHECK(cost("root ::= a{1000}\na ::= b{1000}\nb ::= \"x\"{1000}") == 1000000000);
    const std::string huge = "root ::= ((((\"x\"{1000000}){1000000}){1000000}){1000000}){1000000}";
    CHECK(cost(huge) == byte_cost::huge);
}

void repetitions_stay_counted() {
    const auto g = compile_grammar("root ::= (\"ab\"{0,1000000} [0-9]{1000000}){5,1000000}");
    CHECK(g->elements.size() < 20 && g->repeats.size() == 3);
}

// --- what is refused -----------------------------------------------------------------------------------------------

void mistakes_are_refused_with_their_place() {
    CHECK(refused("", "no rule \"root\""));
    CHECK(refused("# nothing", "no rule \"root\""));
    CHECK(refused("a ::= \"x\"", "no rule \"root\""));
    CHECK(refused("root ::= a b\na ::= \"x\"", "line 1, column 12: the rule \"b\" is not defined"));
    CHECK(refused("root ::= \"한국\" b", "line 1, column 15: the rule \"b\" is not defined")); // columns in characters
    CHECK(refused("root ::= \"x\"\n\n  root ::= \"y\"", "line 3, column 3: the rule \"root\" is defined twice"));
    CHECK(refused("root := \"x\"", "line 1, column 6: expected \"::=\", found \":\""));
    CHECK(refused("root", "expected \"::=\", found the end"));
    CHECK(refused("::= \"x\"", "line 1, column 1: expected the name of a rule"));
    CHECK(refused("root ::= \"abc", "line 1, column 10: this literal has no closing quote"));
    CHECK(refused("root ::= \"abc\\", "unknown escape"));
    CHECK(refused("root ::= [abc", "line 1, column 10: this class has no closing bracket"));
    CHECK(refused("root ::= [a-", "no closing bracket"));
    CHECK(refused("root ::= [", "no closing bracket"));
    CHECK(refused("root ::= []", "holds no character"));
    CHECK(refused("root ::= [^\\x00-\\U0010FFFF]", "holds no character"));
    CHECK(refused("root ::= [z-a]", "from U+007A to U+0061 runs backwards"));
    CHECK(refused("root ::= (\"a\"", "line 1, column 10: this group is not closed"));
    CHECK(refused("root ::= \"a\")", "line 1, column 13: unexpected \")\""));
    CHECK(refused("root ::= \"a\" }", "unexpected \"}\""));
    CHECK(refused("root ::= <think>", "unexpected \"<\""));
    CHECK(refused("root ::= \"a\" 한", "unexpected \"한\""));
    CHECK(refused("root ::= \"a\"\n| \"b\"", "line 2, column 1: expected the name of a rule"));
    for (const std::string op : {"*", "+", "?", "{2}"}) {
        CHECK(refused("root ::= " + op, "nothing stands here"));
        CHECK(refused("root ::= \"a\" | " + op, "nothing stands here"));
        CHECK(refused("root ::= (" + op + ")", "nothing stands here"));
    }
    CHECK(refused("root ::= \"a\"{", "expected a number"));
    CHECK(refused("root ::= \"a\"{}", "expected a number"));
    CHECK(refused("root ::= \"a\"{,3}", "expected a number"));
    CHECK(refused("root ::= \"a\"{-1}", "expected a number"));
    CHECK(refused("root ::= \"a\"{2", "expected \"}\""));
    CHECK(refused("root ::= \"a\"{2,3", "expected \"}\""));
    CHECK(refused("root ::= \"a\"{3,2}", "at least 3 and at most 2"));
    CHECK(refused("root ::= \"a\"{1000001}", "1000001 repetitions, the limit is 1000000"));
    CHECK(refused("root ::= \"a\"{1," + std::string(50, '9') + "}", "the limit is 1000000"));
    CHECK(refused("root ::= \"\\x4\"", "expected 2 hexadecimal digits"));
    CHECK(refused("root ::= \"\\u12G4\"", "expected 4 hexadecimal digits, found \"G\""));
    CHECK(refused("root ::= \"\\uD800\"", "U+D800 is not a character"));
    CHECK(refused("root ::= [\\U00110000]", "U+110000 is not a character"));
    CHECK(refused("root ::= \"\\q\"", "unknown escape: a backslash before \"q\""));
    CHECK(refused("root ::= \"a\xFF\"", "line 1, column 12: the byte 0xFF is not part of UTF-8"));
    CHECK(refused("root ::= \"\xED\xA0\x80\"", "not part of UTF-8"));
    CHECK(refused("root ::= \"\xE0\x80\x80\"", "not part of UTF-8"));
    CHECK(refused("root ::= \"\xEA\xB0", "not part of UTF-8"));
    CHECK(refused(std::string("root ::= \"a\0b\"", 14), "NUL"));
}

void left_recursion_is_refused_however_it_hides() {
    CHECK(refused("root ::= root \"a\" | \"b\"", "\"root\" is left-recursive"));
    CHECK(refused("root ::= a \"x\" | \"y\"\na ::= b\nb ::= \"z\" | root", "left-recursive"));
    CHECK(refused("root ::= e root \"a\" | \"b\"\ne ::= \"\" | \"x\"", "left-recursive")); // through an empty rule
    CHECK(refused("root ::= \"x\"? root \"a\" | \"b\"", "left-recursive"));
    CHECK(refused("root ::= \"x\"{0,9} (\"\" (root) \"a\" | \"c\") | \"b\"", "left-recursive"));
    CHECK(refused("root ::= \"b\" | (root \"a\")*", "left-recursive"));
    CHECK(refused("root ::= (root \"a\"){0,3} \"c\"", "left-recursive"));
    CHECK(refused("root ::= \"a\"\nunused ::= unused \"b\" | \"c\"", "left-recursive"));
}

void endless_rules_and_repetitions_are_refused() {
    CHECK(refused("root ::= \"a\" root", "\"root\" can never end"));
    CHECK(refused("root ::= \"a\" b\nb ::= \"c\" d\nd ::= \"e\" b", "can never end"));
    CHECK(refused("root ::= \"a\"\nb ::= \"c\" b", "\"b\" can never end"));
    CHECK(refused("root ::= root", "can never end"));
    CHECK(refused("root ::= \"x\" root{1,2}", "can never end"));
    CHECK(refused("root ::= (\"a\"?)*", "line 1, column 16: what is repeated without end may be empty"));
    CHECK(refused("root ::= (\"a\"*)+", "may be empty"));
    CHECK(refused("root ::= e{2,}\ne ::= | \"a\"", "may be empty"));
    CHECK(refused("root ::= \"a\"**", "may be empty"));
    CHECK(refused("root ::= \"\"*", "empty literal"));
}

// --- hostile texts -------------------------------------------------------------------------------------------------

void hostile_texts_end_soon() {
    using namespace grammar_limits;
    const std::string begin = "root ::= ";
    CHECK(refused(begin + repeated("(", 65), "nested more than 64 deep"));
    CHECK(refused(begin + repeated("(", 60000) + "\"a\"" + repeated(")", 60000), "nested more than 64 deep"));
    CHECK(refused(begin + repeated("(", max_bytes - begin.size()), "nested more than 64 deep"));
    CHECK(refused(begin + repeated("(", max_bytes), "bytes, the limit is 1048576"));
    CHECK(refused(begin + repeated("\"a\"{0,1000000}", 64) + repeated("(", 65), "nested"));
    CHECK(taken(begin + repeated("(", 64) + "\"a\"" + repeated("){0,1000000}", 64)));
    CHECK(taken(begin + repeated("(", 64) + "\"a\"" + repeated("){1000000}", 64)));
    CHECK(refused(begin + "\"a\"" + repeated("{1,2}", 200000), "more than 262144 elements"));
    CHECK(refused(begin + "\"" + repeated("a", 1000000) + "\"", "more than 262144 elements"));
    CHECK(taken(begin + "\"" + repeated("a", max_elements - 1) + "\""));
    CHECK(refused(begin + repeated("|", 1000000), "more than 262144 elements"));
    CHECK(taken(begin + repeated("|", max_elements - 1)));
    CHECK(refused(begin + "[" + repeated("a", 1000000) + "]", "more than 262144 elements"));
    CHECK(refused(begin + "[" + repeated("a-z", 300000) + "]", "more than 262144 elements"));
    CHECK(taken(begin + "[" + repeated("z-~a", 130000) + "]"));
    CHECK(taken(begin + repeated("[^a-z]", 130000)));
    CHECK(taken(begin + repeated(".", 260000)));
    CHECK(taken(begin + repeated("(\"a\")", 87000)));
    CHECK(refused(begin + repeated(" ", 1000000) + "\xFF", "column 1000010: the byte 0xFF"));
    CHECK(refused(begin + repeated("\n", 1000000) + "x", "line 1000001"));
    CHECK(taken(begin + "\"a\"" + repeated("\n#", 500000)));
    CHECK(refused(repeated("a", 1000000), "expected \"::=\""));
    CHECK(refused(begin + repeated("b ", 300000) + "\nb ::= \"x\"", "more than 262144 elements"));
    std::string literals = begin; // 250,000 characters that differ
    for (uint32_t code = 0x10000; code < 0x10000 + 250000; code++) {
        literals += code == 0x10000 ? "\"" : "";
        for (const int shift : {18, 12, 6, 0}) {
            literals += char(shift == 18 ? 0xF0 | code >> 18 : 0x80 | (code >> shift & 0x3F));
        }
    }
    CHECK(taken(literals + "\""));
}

/** n rules, each made from its number and that of the next. */
std::string chain(size_t n, const std::function<std::string(const std::string &)> & body) {
    std::string text = "root ::= r0\n";
    for (size_t i = 0; i + 1 < n; i++) {
        text += "r" + std::to_string(i) + " ::= " + body("r" + std::to_string(i + 1)) + "\n";
    }
    return text + "r" + std::to_string(n - 1) + " ::= ";
}

void many_rules_end_soon() {
    const auto plain = [](const std::string & next) { return next; };
    CHECK(taken(chain(8000, plain) + "\"a\""));
    CHECK(refused(chain(8000, plain) + "r0 | \"a\"", "left-recursive"));
    CHECK(refused(chain(8000, plain) + "\"b\" r0", "can never end"));
    CHECK(refused(chain(9000, plain) + "\"a\"", "rule number 8193, the limit is 8192"));
    CHECK(taken(chain(8000, [](const std::string & next) { return next + " | " + next + " " + next; }) + "\"a\""));
    CHECK(taken(chain(8000, [](const std::string & next) { return next + "{1000000} | \"x\""; }) + "\"a\""));
    CHECK(taken(chain(6000, [](const std::string & next) { return "(" + next + "?){0,9} " + next; }) + "\"a\""));
    std::string dense = "root ::= r0\n"; // every rule begins with any of the later ones
    for (int i = 0; i < 450; i++) {
        dense += "r" + std::to_string(i) + " ::= \"a\"";
        for (int k = i + 1; k < 450; k++) {
            dense += "|r" + std::to_string(k);
        }
        dense += "\n";
    }
    CHECK(taken(dense));
}

void damaged_texts_end_soon() {
    const std::string good = "root ::= \"a\\x41\" (b | [^c-e\\]]){2,3} \xED\x95\x9C? # end\nb ::= \"\\\"\" root? .+\n";
    for (size_t cut = 0; cut <= good.size(); cut++) {
        refusal(good.substr(0, cut));
        for (const char c : {'\0', '"', '[', ']', '(', ')', '{', '}', '|', '\\', '\n', '\xFF', ':', '9'}) {
            std::string changed = good;
            changed.insert(cut, 1, c);
            refusal(changed);
            if (cut < good.size()) {
                changed      = good;
                changed[cut] = c;
                refusal(changed);
            }
        }
    }
}

} // namespace

int main() {
    the_documented_dialect_is_taken();
    the_json_grammar_of_llama_cpp_is_taken();
    costs_are_the_bytes_of_the_shortest_text();
    repetitions_stay_counted();
    mistakes_are_refused_with_their_place();
    left_recursion_is_refused_however_it_hides();
    endless_rules_and_repetitions_are_refused();
    hostile_texts_end_soon();
    many_rules_end_soon();
    damaged_texts_end_soon();
    return check::summary();
}
