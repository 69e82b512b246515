// Grammars, bias and log-probabilities on the engine: what a request gets, and that others notice nothing.

#include "check.h"
#include "error.h"
#include "support/client.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <algorithm>
#include <cmath>

using namespace bllossom;

namespace {

const temp_dir dir;

struct loaded : tiny::client {
    explicit loaded(int64_t n_ctx = 512) {
        engine_options options;
        options.path = dir.file("tiny.gguf");
        tiny::write_model(options.path, {});
        options.device          = "cpu";
        options.n_threads       = 1;
        options.context.kv_type = cache_type::f32;
        options.context.n_ctx   = n_ctx;
        CHECK(code(load(options)).empty());
    }
    event run(const generate_request & request) { return settled(generate(request)); }
};

generate_request request_of(const std::string & grammar, int32_t max_tokens = 40, float temperature = 1.5f) {
    generate_request request;
    request.prompt               = {{prompt_part::kind::text, "hello", {}}};
    request.max_tokens           = max_tokens;
    request.sampling.temperature = temperature;
    request.credit               = INT64_MAX;
    if (!grammar.empty()) {
        request.grammar = grammar;
    }
    return request;
}

void answers_obey_and_are_complete() {
    loaded c;
    for (uint32_t seed = 0; seed < 30; seed++) {
        auto request          = request_of("root ::= \"[\" [가-힣]{1,3} \"]\"", 5 + int32_t(seed % 9));
        request.sampling.seed = seed;
        const uint32_t id     = c.generate(request);
        const event e         = c.settled(id);
        const std::string all = c.text(id);
        CHECK(e.type == event::kind::done && e.reason == finish_reason::stop); // exhausted: ends without a stop token
        CHECK(all.size() >= 5 && all.size() <= 11 && all.size() % 3 == 2 && all.front() == '[' && all.back() == ']');
    }
}

void the_reason_says_how_an_answer_ended() {
    loaded c;
    const auto reason = [&](const generate_request & request) { return c.run(request).reason; };
    CHECK(reason(request_of("root ::= \"ab\"", 2)) == finish_reason::stop);
    CHECK(reason(request_of("root ::= [a-z]{1,9}", 1)) == finish_reason::length);
    auto endless       = request_of("root ::= [a-z]*", 12);
    endless.ignore_eos = true;
    CHECK(reason(endless) == finish_reason::length && c.run(endless).tokens.size() == 12);
    auto optional = request_of("root ::= \"a\" \"bcd\"?", 3); // "bcd" does not fit: nothing but the end can follow
    optional.ignore_eos = true;
    CHECK(reason(optional) == finish_reason::stop && c.run(optional).tokens.size() == 1);
    const event nothing = c.run(request_of("root ::= \"\"", 5));
    CHECK(nothing.type == event::kind::done && nothing.tokens.empty() && nothing.reason == finish_reason::stop);
}

void the_context_counts_as_a_limit() {
    loaded c(16); // 5 tokens of prompt leave 12: the last one needs no cell
    CHECK(c.code(c.generate(request_of("root ::= \"a\"{12}", 100))) == "");
    const event e = c.run(request_of("root ::= \"a\"{13}", 100));
    CHECK(e.code == error_code::invalid_option && e.text.find("13 bytes") != std::string::npos &&
          e.text.find("leave 12") != std::string::npos);
    CHECK(c.run(request_of("root ::= \"a\"{5,}", 100)).tokens.size() <= 12);
}

void a_bad_grammar_ends_its_own_request_only() {
    loaded c;
    const auto plain      = request_of("", 30);
    const auto wanted     = c.run(plain).tokens;
    const uint32_t beside = c.generate(plain);
    CHECK(c.code(c.generate(request_of("root ::= "))) == "");
    CHECK(c.code(c.generate(request_of("root ::= ("))) == "ERR_INVALID_OPTION");
    CHECK(c.code(c.generate(request_of("a ::= \"\""))) == "ERR_INVALID_OPTION");
    auto bomb            = request_of("root ::= \"a\" root \"b\"? root \"c\"? | \"a\"", 400);
    bomb.sampling.biases = {{'a', 100.0f}};
    const event bombs    = c.run(bomb);
    CHECK(bombs.type == event::kind::error && bombs.text.find("too ambiguous") != std::string::npos);
    CHECK(c.settled(beside).tokens == wanted && c.run(plain).tokens == wanted && c.every_id_settled_once());
}

void grammars_run_beside_each_other() {
    loaded c;
    const std::vector<std::string> grammars = {"root ::= [a-c]{3,9}", "root ::= [x-z]{2} \"!\"", "",
                                               "root ::= [a-c]{3,9}"};
    std::vector<std::vector<int32_t>> alone;
    for (const auto & grammar : grammars) {
        alone.push_back(c.run(request_of(grammar, 20)).tokens);
    }
    std::vector<uint32_t> together;
    for (const auto & grammar : grammars) {
        together.push_back(c.generate(request_of(grammar, 20)));
    }
    for (size_t i = 0; i < grammars.size(); i++) {
        CHECK(c.settled(together[i]).tokens == alone[i]);
    }
}

void log_probabilities_are_those_of_an_evaluation() {
    loaded c;
    for (const char * grammar : {"", "root ::= [a-z]{12}"}) {
        auto request                        = request_of(grammar, 12);
        request.n_logprobs                  = 4;
        request.ignore_eos                  = true;
        request.sampling.biases             = {{'q', 3.0f}, {'e', -INFINITY}};
        request.sampling.repetition_penalty = 1.3f;
        request.sampling.penalty_last_n     = 64;
        const event e                       = c.run(request);
        CHECK(e.logprobs && e.tokens.size() == 12 && e.logprobs->chosen.size() == 12 &&
              e.logprobs->top_tokens.size() == 48);
        evaluate_request whole{{request.prompt[0], {prompt_part::kind::tokens, "", e.tokens}}, {}, 0};
        const auto result    = c.settled(c.evaluate(whole)).result;
        const size_t first   = result->tokens.size() - 12;
        const size_t n_vocab = result->logits.size() / result->tokens.size();
        for (size_t i = 0; i < 12; i++) {
            const float * logits = result->logits.data() + (first + i - 1) * n_vocab;
            double sum           = 0;
            for (size_t id = 0; id < n_vocab; id++) {
                sum += std::exp(double(logits[id]));
            }
            CHECK(std::abs(logits[e.tokens[i]] - std::log(sum) - e.logprobs->chosen[i]) < 1e-3);
            CHECK(std::abs(*std::max_element(logits, logits + n_vocab) - std::log(sum) -
                           e.logprobs->top_values[4 * i]) < 1e-3);
        }
    }
    CHECK(!c.run(request_of("", 3)).logprobs);
    for (const int32_t n : {-2, 21, INT32_MAX}) {
        auto request       = request_of("", 3);
        request.n_logprobs = n;
        CHECK(c.code(c.generate(request)) == "ERR_INVALID_OPTION");
    }
}

void biases_of_unknown_tokens_are_refused() {
    loaded c;
    for (const int32_t token : {-1, 263, 264}) { // 263: the image token has no logit
        auto request            = request_of("", 3);
        request.sampling.biases = {{token, 1.0f}};
        CHECK(c.code(c.generate(request)) == "ERR_INVALID_OPTION");
    }
}

} // namespace

int main() {
    answers_obey_and_are_complete();
    the_reason_says_how_an_answer_ended();
    the_context_counts_as_a_limit();
    a_bad_grammar_ends_its_own_request_only();
    grammars_run_beside_each_other();
    log_probabilities_are_those_of_an_evaluation();
    biases_of_unknown_tokens_are_refused();
    return check::summary();
}
