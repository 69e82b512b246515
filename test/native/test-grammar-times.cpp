// What a token under a grammar costs in time, on the 128,256 tokens of Llama 3.

#include "check.h"
#include "gguf-file.h"
#include "sampler.h"
#include "support/llama3-vocab.h"
#include "support/temp-dir.h"
#include "token-constraint.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>

using namespace bllossom;

namespace {

const char * json = R"(root   ::= object
value  ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}"
array  ::= "[" ws (value ("," ws value)*)? "]"
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
number ::= "-"? ([0-9] | [1-9] [0-9]{0,15}) ("." [0-9]+)?
ws     ::= [ \n]{0,4}
)";

void accept_text(token_constraint & c, const vocab & v, const std::string & text) {
    for (const int32_t token : v.tokenize({{prompt_part::kind::text, text, {}}})) {
        c.accept(token);
    }
}

double milliseconds(const std::function<void()> & body, int n) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < n; i++) {
        body();
    }
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() / n;
}

struct words {
    std::shared_ptr<const grammar> g = compile_grammar(json);
    std::shared_ptr<const vocab> v;
    std::shared_ptr<const token_trie> trie;

    token_constraint constraint(const std::string & before = "") const {
        token_constraint c(g, trie, {}, 1000, true);
        accept_text(c, *v, before);
        return c;
    }
};

words llama3() {
    const temp_dir dir;
    const gguf_file file(tiny::write_llama3_vocab(dir.file("llama3.gguf")));
    words w;
    w.v                  = std::make_shared<const vocab>(file, tiny::llama3_n_logits, tiny::llama3_id_image);
    const double elapsed = milliseconds([&] { w.trie = std::make_shared<const token_trie>(*w.v); }, 1);
    std::printf("trie: %.0f ms for %zu nodes\n", elapsed, w.trie->n_nodes());
    return w;
}

/** The second and later times a place is met, its states are known. */
double mask_time(const words & w, const char * title, const std::string & before) {
    token_constraint c = w.constraint(before);
    const double first = milliseconds([&] { c.mask(); }, 1), later = milliseconds([&] { c.mask(); }, 20);
    const auto n_allowed = std::count(c.mask().begin(), c.mask().end(), uint8_t(1));
    std::printf("mask %s: %.2f ms at first, then %.2f ms; %lld tokens\n", title, first, later, (long long) n_allowed);
    return later;
}

/** Milliseconds a token, when every token is the first choice. */
double check_time(const words & w) {
    const std::string text = "{\"name\": \"블로썸\", \"tags\": [\"korean language\", \"vision\"], \"count\": 12.5, "
                             "\"nested\": {\"a\": [1, 2, 3], \"b\": true}}";
    const auto answer      = w.v->tokenize({{prompt_part::kind::text, text, {}}});
    const auto check_all   = [&] {
        token_constraint c = w.constraint();
        for (const int32_t token : answer) {
            CHECK(c.allows(token));
            c.accept(token);
        }
        CHECK(c.is_exhausted());
    };
    const double elapsed = milliseconds(check_all, 20) / double(answer.size());
    std::printf("accepted at first: %.4f ms a token, over an answer of %zu tokens\n", elapsed, answer.size());
    return elapsed;
}

void print_sampling_times(const words & w) {
    std::vector<float> logits(size_t(w.v->n_logits()));
    std::mt19937 random(1);
    for (float & logit : logits) {
        logit = float(random() % 1000) / 100;
    }
    sampling_params params;
    params.temperature = 1;
    sampler s(*w.v, params);
    token_constraint c = w.constraint("{\"a\": 1, ");
    const double plain = milliseconds([&] { s.sample(logits.data()); }, 20);
    const double drawn = milliseconds([&] { s.sample(logits.data(), &c); }, 20);
    std::printf("sampling without a grammar: %.2f ms; refused at first, at a key: %.2f ms\n", plain, drawn);
}

/** The machine decides the figures, so only their ratio is judged. */
void a_check_costs_far_less_than_a_mask() {
    const words w        = llama3();
    const double in_text = mask_time(w, "in a string", "{\"name\": \"The ");
    mask_time(w, "at a key", "{\"name\": 1, ");
    mask_time(w, "at a value", "{\"name\":");
    CHECK(check_time(w) * 10 < in_text);
    print_sampling_times(w);
}

} // namespace

int main() {
    a_check_costs_far_less_than_a_mask();
    return check::summary();
}
