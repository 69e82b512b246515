// Answers under a grammar: which tokens are allowed, and that every answer is complete.

#include "check.h"
#include "error.h"
#include "gguf-file.h"
#include "grammar-cache.h"
#include "sampler.h"
#include "support/llama3-vocab.h"
#include "support/random-grammar.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"
#include "token-constraint.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <random>

using namespace bllossom;

namespace {

using ids = std::vector<int32_t>;

struct words {
    std::shared_ptr<const vocab> v;
    std::shared_ptr<const token_trie> trie;
};

const temp_dir dir;

/** 256 bytes, "th" and special tokens. */
const words & tiny_words() {
    static const words all = [] {
        tiny::write_model(dir.file("tiny.gguf"), {});
        const auto v = std::make_shared<const vocab>(gguf_file(dir.file("tiny.gguf")), 263, 263);
        return words{v, std::make_shared<const token_trie>(*v)};
    }();
    return all;
}

const words & llama3() {
    static const words all = [] {
        const std::string path = tiny::write_llama3_vocab(dir.file("llama3.gguf"));
        const auto v = std::make_shared<const vocab>(gguf_file(path), tiny::llama3_n_logits, tiny::llama3_id_image);
        return words{v, std::make_shared<const token_trie>(*v)};
    }();
    return all;
}

const char * json = R"(root   ::= object
value  ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}"
array  ::= "[" ws (value ("," ws value)*)? "]"
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
number ::= "-"? ([0-9] | [1-9] [0-9]{0,15}) ("." [0-9]+)?
ws     ::= [ \n]{0,4}
)";

token_constraint constraint_of(const words & w, const std::string & grammar, int64_t n_left,
                               const ids & forbidden = {}) {
    return token_constraint(compile_grammar(grammar), w.trie, forbidden, n_left, true);
}

void accept_text(token_constraint & c, const words & w, const std::string & text) {
    for (const int32_t token : w.v->tokenize({{prompt_part::kind::text, text, {}}})) {
        CHECK(c.allows(token));
        c.accept(token);
    }
}

// --- the trie ------------------------------------------------------------------------------------------------------

void the_trie_holds_every_piece_once() {
    for (const words * w : {&tiny_words(), &llama3()}) {
        const token_trie & trie = *w->trie;
        std::string path;
        size_t n_pieces = 0;
        for (size_t i = 0; i < trie.n_nodes(); i++) {
            const auto & node = trie.at(i);
            CHECK(node.depth >= 1 && node.depth <= path.size() + 1 && node.end > i);
            path.resize(node.depth - 1u);
            path += char(node.byte);
            for (uint32_t t = node.first_token; t < trie.at(i + 1).first_token; t++) {
                CHECK(trie.piece(trie.tokens()[t]) == path && w->v->piece(trie.tokens()[t]) == path);
                n_pieces++;
            }
        }
        size_t n_wanted = 0;
        for (int32_t token = 0; token < int32_t(w->v->n_logits()); token++) {
            n_wanted += !w->v->piece(token).empty() && !w->v->is_stop(token);
        }
        CHECK(n_pieces == n_wanted && n_pieces > 256);
        for (int byte = 0; byte < 256; byte++) {
            CHECK(!trie.of_byte(uint8_t(byte)).empty()); // the guarantee rests on this
        }
        CHECK(trie.stop_tokens().size() >= 1);
    }
}

// --- masks ---------------------------------------------------------------------------------------------------------

void a_mask_is_what_single_checks_say() {
    struct place {
        const char * grammar;
        const char * before;
        int64_t n_left;
    };
    const place places[] = {
        {json, "", 1000},          {json, "{\"name\": \"", 1000}, {json, "{\"name\": \"한국", 1000},
        {json, "{\"a\": ", 1000},  {json, "{\"a\": 1", 1000},     {json, "{\"a\": \"b\"}", 1000},
        {json, "{\"a\": \"b", 12}, {json, "{\"a\": [[", 14},      {"root ::= [가-힣]{2,5} | \"yes\"", "", 10},
    };
    for (const words * w : {&tiny_words(), &llama3()}) {
        for (const auto & [grammar, before, n_left] : places) {
            if (w == &tiny_words() && n_left < 100 && *before) {
                continue; // takes more tokens there
            }
            token_constraint c = constraint_of(*w, grammar, n_left);
            accept_text(c, *w, before);
            const std::vector<uint8_t> mask = c.mask();
            for (int32_t token = 0; token < int32_t(mask.size()); token++) {
                CHECK((mask[size_t(token)] != 0) == c.allows(token));
            }
            CHECK(std::count(mask.begin(), mask.end(), 1) > 0 && !c.allows(w->v->bos()));
            CHECK(c.allows(w->v->eos()) == c.may_end());
        }
    }
}

void stop_tokens_come_when_the_text_may_end() {
    const words & w    = tiny_words();
    const auto g       = compile_grammar("root ::= \"ab\" \"c\"?");
    token_constraint c = constraint_of(w, "root ::= \"ab\" \"c\"?", 9);
    CHECK(!c.allows(w.v->eos()) && !c.may_end());
    accept_text(c, w, "ab");
    CHECK(c.allows(w.v->eos()) && c.may_end() && !c.is_exhausted() && c.mask()[size_t(w.v->eos())] == 1);
    accept_text(c, w, "c");
    CHECK(c.is_exhausted());
    token_constraint never(g, w.trie, {}, 9, /*may_stop*/ false);
    accept_text(never, w, "ab");
    CHECK(never.may_end() && !never.allows(w.v->eos()) && never.mask()[size_t(w.v->eos())] == 0);
}

// --- the guarantee -------------------------------------------------------------------------------------------------

std::string refusal(const std::function<void()> & body) {
    try {
        body();
    } catch (const error & e) {
        CHECK(e.code() == error_code::invalid_option);
        return e.what();
    }
    return "";
}

void what_cannot_be_completed_is_refused_with_both_figures() {
    const words & w = tiny_words();
    CHECK(refusal([&] { constraint_of(w, "root ::= \"abc\"", 3); }).empty());
    const std::string message = refusal([&] { constraint_of(w, "root ::= \"abcdefg\"", 6); });
    CHECK(message.find("has 7 bytes") != std::string::npos && message.find("leave 6") != std::string::npos);
    CHECK(!refusal([&] { constraint_of(w, "root ::= \"a\"{1000000}", 4096); }).empty());
    const ids no_x = w.trie->of_byte('x');
    CHECK(refusal([&] { constraint_of(w, "root ::= \"ax\"", 9, no_x); }).find("no token can write") !=
          std::string::npos);
    CHECK(refusal([&] { constraint_of(w, "root ::= \"ax\" | \"abcdef\"", 6, no_x); }).empty());
    CHECK(!refusal([&] { constraint_of(w, "root ::= \"ax\" | \"abcdef\"", 5, no_x); }).empty());
}

/** Draws allowed tokens at random until the end; whether the answer is complete. `text`: the answer. */
bool ends_complete(const words & w, token_constraint & c, int64_t n_left, std::mt19937 & random, std::string & text) {
    for (; n_left > 0 && !c.is_exhausted(); n_left--) {
        const std::vector<uint8_t> & mask = c.mask();
        ids allowed;
        for (int32_t token = 0; token < int32_t(mask.size()); token++) {
            if (mask[size_t(token)]) {
                allowed.push_back(token);
            }
        }
        if (allowed.empty()) {
            return false;
        }
        const int32_t token = allowed[random() % allowed.size()];
        if (w.v->is_stop(token)) {
            break;
        }
        c.accept(token);
        text += w.v->piece(token);
    }
    return c.may_end();
}

/** Whether the whole text is one of the grammar. */
bool is_text_of(const std::string & grammar, const std::string & text) {
    const auto g = compile_grammar(grammar);
    grammar_matcher m(g, std::make_shared<const grammar_costs>(*g, byte_set().set()));
    auto s = m.start();
    for (const char c : text) {
        s = s == grammar_matcher::dead ? s : m.next(s, uint8_t(c));
    }
    return s != grammar_matcher::dead && m.may_end(s);
}

void answers_are_complete_whatever_is_drawn() {
    std::mt19937 random(11);
    int n_answers = 0;
    for (int round = 0; round < 4000; round++) {
        const std::string grammar = tiny::random_grammar(random).text();
        try {
            const auto g        = compile_grammar(grammar);
            const uint64_t cost = grammar_costs(*g, byte_set().set()).of_rule(g->root);
            for (const int64_t spare : {0, 1, 2, 5, 20}) {
                const int64_t n_left = int64_t(cost) + spare;
                token_constraint c(g, tiny_words().trie, {}, n_left, true);
                std::string text;
                CHECK(ends_complete(tiny_words(), c, n_left, random, text) && is_text_of(grammar, text));
                n_answers++;
            }
        } catch (const error & e) {
            CHECK(e.code() == error_code::invalid_option); // refused, or too ambiguous
        }
    }
    std::printf("%d random answers were complete\n", n_answers);
    CHECK(n_answers > 4000);
    for (const int64_t n_left : {2, 3, 4, 7, 12, 30}) {
        for (int i = 0; i < 10; i++) {
            token_constraint c = constraint_of(llama3(), json, n_left);
            std::string text;
            CHECK(ends_complete(llama3(), c, n_left, random, text) && is_text_of(json, text));
        }
    }
}

void forbidden_tokens_do_not_break_the_guarantee() {
    std::mt19937 random(5);
    const words & w = tiny_words();
    for (int round = 0; round < 400; round++) {
        ids forbidden;
        for (int32_t token = 0; token < int32_t(w.v->n_logits()); token++) {
            if (random() % 6 == 0) {
                forbidden.push_back(token);
            }
        }
        const int64_t n_left = 1 + int64_t(random() % 12);
        try {
            token_constraint c = constraint_of(w, "root ::= [a-z가-힣]{1,9} (\"=\" | [^a-z]) | \"(\" root \")\" | .{3}",
                                               n_left, forbidden);
            sampling_params params;
            params.temperature = 1;
            params.seed        = uint32_t(round);
            for (const int32_t token : forbidden) {
                params.biases.push_back({token, -INFINITY});
            }
            sampler s(*w.v, params);
            const std::vector<float> logits(size_t(w.v->n_logits()), 0.5f);
            for (int64_t left = n_left; left > 0 && !c.is_exhausted(); left--) {
                const int32_t token = s.sample(logits.data(), &c);
                if (token == sampler::no_token || w.v->is_stop(token)) {
                    break;
                }
                CHECK(!std::binary_search(forbidden.begin(), forbidden.end(), token));
                c.accept(token);
            }
            CHECK(c.may_end());
        } catch (const error & e) {
            CHECK(e.code() == error_code::invalid_option);
        }
    }
}

// --- drawing -------------------------------------------------------------------------------------------------------

/** Frequencies of n draws under a grammar, each from its beginning. */
std::map<int32_t, double> frequencies(const sampling_params & params, const std::vector<float> & logits, int n) {
    sampler s(*tiny_words().v, params);
    token_constraint c = constraint_of(tiny_words(), "root ::= [a-d] .", 9);
    std::map<int32_t, double> result;
    for (int i = 0; i < n; i++) {
        result[s.sample(logits.data(), &c)] += 1.0 / n;
    }
    return result;
}

void draws_follow_the_allowed_part_of_the_distribution() {
    std::vector<float> logits(263, -4.0f);
    logits['a'] = 1.0f, logits['b'] = 2.0f, logits['c'] = 0.5f, logits['d'] = -1.0f;
    logits['x'] = 2.5f, logits['y'] = 1.5f; // not allowed
    const auto close = [](double a, double b) { return std::abs(a - b) < 0.012; };
    const auto check = [&](const std::function<void(sampling_params &)> & change, const std::string & left) {
        sampling_params params;
        params.temperature = 1;
        params.seed        = 3;
        change(params);
        const auto share = [&](char c) { // to that of b, the likeliest
            return std::exp((double(logits[size_t(c)]) - logits['b']) / params.temperature);
        };
        double sum = 0;
        for (const char c : left) {
            sum += share(c);
        }
        const auto drawn = frequencies(params, logits, 20000);
        CHECK(drawn.size() == left.size());
        for (const char c : left) {
            CHECK(drawn.count(c) && close(drawn.at(c), share(c) / sum));
        }
    };
    check([](auto &) {}, "abcd");
    check([](auto & p) { p.temperature = 2; }, "abcd");
    check([](auto & p) { p.top_k = 4; }, "ab"); // x b y a
    check([](auto & p) { p.top_k = 1; }, "b");  // x alone: what is allowed is filtered instead
    check([](auto & p) { p.top_p = 0.01f; }, "b");
    check([](auto & p) { p.min_p = 0.2f; }, "ab");
    check([](auto & p) { p.temperature = 0.5f, p.top_k = 5; }, "abc");
    for (const float temperature : {1e-3f, 1e-10f, 1e-38f, std::numeric_limits<float>::denorm_min()}) {
        check([&](auto & p) { p.temperature = temperature; }, "b"); // beside x, all that is allowed vanishes
    }
    std::vector<float> apart = logits;
    apart['x']               = std::numeric_limits<float>::max();
    CHECK(frequencies({}, apart, 3).at('b') == 1);
    sampling_params greedy;
    CHECK(frequencies(greedy, logits, 3).at('b') == 1);
    greedy.biases = {{'b', -5}};
    CHECK(frequencies(greedy, logits, 3).at('a') == 1);
    greedy.biases = {{'b', -INFINITY}, {'d', 100}};
    CHECK(frequencies(greedy, logits, 3).at('d') == 1);
}

// --- the cache -----------------------------------------------------------------------------------------------------

void equal_grammars_are_compiled_once() {
    grammar_cache cache(tiny_words().v);
    const auto text  = [](size_t i) { return "root ::= \"" + std::to_string(i) + "\""; };
    const auto first = cache.get(text(0));
    CHECK(cache.get(text(0)) == first && cache.trie() == cache.trie());
    for (size_t i = 1; i < grammar_cache::capacity; i++) {
        cache.get(text(i));
    }
    CHECK(cache.get(text(0)) == first); // now the one used last
    cache.get(text(99));
    CHECK(cache.get(text(0)) == first);
    std::weak_ptr<const grammar> second = cache.get(text(1)); // had gone, and is back
    for (size_t i = 100; i < 100 + grammar_cache::capacity; i++) {
        cache.get(text(i));
    }
    CHECK(second.expired());
    second = cache.get(text(1));
    for (size_t i = 0; i < grammar_cache::max_bytes / 1000000; i++) { // few, but long
        CHECK(!second.expired());
        cache.get(text(i) + std::string(1000000, ' '));
    }
    cache.get(text(9) + std::string(1000000, ' '));
    CHECK(second.expired());
    CHECK(!refusal([&] { cache.get("root ::= ["); }).empty());
}

} // namespace

int main() {
    the_trie_holds_every_piece_once();
    a_mask_is_what_single_checks_say();
    stop_tokens_come_when_the_text_may_end();
    what_cannot_be_completed_is_refused_with_both_figures();
    answers_are_complete_whatever_is_drawn();
    forbidden_tokens_do_not_break_the_guarantee();
    draws_follow_the_allowed_part_of_the_distribution();
    equal_grammars_are_compiled_once();
    return check::summary();
}
