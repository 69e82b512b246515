// The choice of a token: against distributions computed here by the definitions.

#include "check.h"
#include "error.h"
#include "gguf-file.h"
#include "sampler.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"
#include "token-logprobs.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <random>

using namespace bllossom;

namespace {

constexpr size_t n_vocab = 263;

const vocab & words() {
    static const temp_dir dir;
    static const std::unique_ptr<vocab> v = [] {
        tiny::write_model(dir.file("tiny.gguf"), {});
        return std::make_unique<vocab>(gguf_file(dir.file("tiny.gguf")), int64_t(n_vocab), int32_t(n_vocab));
    }();
    return *v;
}

using floats = std::vector<float>;

floats random_logits(uint32_t seed) {
    std::mt19937 random(seed);
    floats logits(n_vocab);
    for (float & logit : logits) {
        logit = float(random() % 4000) / 500.0f - 4.0f;
    }
    return logits;
}

/** Low logits everywhere but for the first few. */
floats few_logits(const floats & first) {
    floats logits(n_vocab, -1000.0f);
    std::copy(first.begin(), first.end(), logits.begin());
    return logits;
}

sampling_params with(const std::function<void(sampling_params &)> & change) {
    sampling_params params;
    change(params);
    return params;
}

std::vector<int32_t> draw(const sampling_params & params, const floats & logits, int n) {
    sampler s(words(), params);
    std::vector<int32_t> tokens;
    for (int i = 0; i < n; i++) {
        tokens.push_back(s.sample(logits.data()));
    }
    return tokens;
}

// --- greedy and seeds ----------------------------------------------------------------------------------------------

void temperature_0_takes_the_largest() {
    for (uint32_t seed = 0; seed < 20; seed++) {
        floats logits     = random_logits(seed);
        logits[seed * 13] = 9.0f;
        CHECK(draw({}, logits, 1)[0] == int32_t(seed * 13));
    }
    floats tie = few_logits({1, 5, 5, 2});
    CHECK(draw({}, tie, 1)[0] == 1); // the first of equals
}

void a_seed_decides_everything() {
    const floats logits = random_logits(3);
    for (const uint32_t seed : {0u, 1u, 42u, 0xFFFFFFFEu, 0xFFFFFFFFu}) {
        const auto params = with([&](auto & p) { p.temperature = 1.0f, p.seed = seed; });
        CHECK(draw(params, logits, 50) == draw(params, logits, 50));
    }
    const auto of_seed = [&](uint32_t seed) {
        return draw(with([&](auto & p) { p.temperature = 1.0f, p.seed = seed; }), logits, 50);
    };
    CHECK(of_seed(1) != of_seed(2));
}

// --- the distribution ----------------------------------------------------------------------------------------------

/** What the order "top k, temperature, top p, min p" leaves, by the definitions. */
std::map<int32_t, double> expected(const floats & logits, const sampling_params & p) {
    std::vector<int32_t> order(n_vocab);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int32_t a, int32_t b) { return logits[size_t(a)] > logits[size_t(b)]; });
    if (p.top_k > 0) {
        order.resize(std::min(order.size(), size_t(p.top_k)));
    }
    const auto probabilities = [&] {
        std::vector<double> result;
        double sum = 0;
        for (const int32_t id : order) {
            result.push_back(std::exp((double(logits[size_t(id)]) - logits[size_t(order[0])]) / p.temperature));
            sum += result.back();
        }
        for (double & value : result) {
            value /= sum;
        }
        return result;
    };
    std::vector<double> probs = probabilities();
    size_t n                  = 0;
    for (double sum = 0; n < probs.size() && sum < p.top_p; n++) {
        sum += probs[n];
    }
    order.resize(n);
    probs = probabilities();
    n     = 0;
    while (n < probs.size() && probs[n] >= p.min_p * probs[0]) {
        n++;
    }
    order.resize(n);
    probs = probabilities();
    std::map<int32_t, double> result;
    for (size_t i = 0; i < order.size(); i++) {
        result[order[i]] = probs[i];
    }
    return result;
}

/** Draws many and compares with the expectation: no token outside it, frequencies within 5 standard deviations. */
void check_distribution(const floats & logits, const sampling_params & params) {
    constexpr int n   = 20000;
    const auto wanted = expected(logits, params);
    std::map<int32_t, int> counts;
    for (const int32_t token : draw(params, logits, n)) {
        counts[token]++;
    }
    for (const auto & [token, count] : counts) {
        CHECK(wanted.count(token) == 1);
    }
    for (const auto & [token, p] : wanted) {
        const double deviation = std::sqrt(n * p * (1 - p));
        CHECK(std::abs(counts[token] - n * p) <= 5 * deviation + 1);
    }
}

void draws_follow_the_filtered_distribution() {
    const floats logits = few_logits({2.0f, 1.5f, 1.0f, 0.5f, 0.0f, -0.5f, -1.0f});
    const auto check    = [&](float temperature, int32_t top_k, float top_p, float min_p) {
        check_distribution(logits, with([&](auto & p) {
                               p.temperature = temperature, p.top_k = top_k, p.top_p = top_p, p.min_p = min_p,
                               p.seed = 5;
                           }));
    };
    check(1.0f, 0, 1.0f, 0.0f);
    check(0.5f, 0, 1.0f, 0.0f);
    check(3.0f, 0, 1.0f, 0.0f);
    check(1.0f, 3, 1.0f, 0.0f);
    check(1.0f, 1000, 1.0f, 0.0f);
    check(1.0f, INT32_MAX, 1.0f, 0.0f);
    check(1.0f, 0, 0.7f, 0.0f);
    check(1.0f, 0, 1.0f, 0.3f);
    check(2.0f, 5, 0.8f, 0.2f);
    check(0.6f, 4, 0.9f, 0.1f);
    CHECK(draw(with([](auto & p) { p.temperature = 1.0f, p.top_k = 1; }), logits, 20) == std::vector<int32_t>(20, 0));
    CHECK(draw(with([](auto & p) { p.temperature = 1.0f, p.top_p = 1e-6f; }), logits, 20) ==
          std::vector<int32_t>(20, 0));
}

void temperature_comes_before_top_p() {
    // at temperature 1 the first token alone is above 0.8; at 4 it is not, so a second one must appear
    const floats logits = few_logits({3.0f, 1.0f});
    const auto tokens   = draw(with([](auto & p) { p.temperature = 4.0f, p.top_p = 0.8f; }), logits, 200);
    CHECK(std::count(tokens.begin(), tokens.end(), 1) > 0);
    const auto cold = draw(with([](auto & p) { p.temperature = 1.0f, p.top_p = 0.8f; }), logits, 200);
    CHECK(std::count(cold.begin(), cold.end(), 0) == 200);
}

void small_temperatures_and_large_logits_stay_finite() {
    const floats logits = few_logits({10.0f, 30.0f, 20.0f});
    for (const float temperature : {1e-3f, 1e-10f, 1e-30f, 1e-38f, std::numeric_limits<float>::denorm_min()}) {
        CHECK(draw(with([&](auto & p) { p.temperature = temperature; }), logits, 20) == std::vector<int32_t>(20, 1));
    }
    const float huge = std::numeric_limits<float>::max();
    CHECK(draw(with([](auto & p) { p.temperature = 0.1f; }), few_logits({0, huge, -huge}), 20) ==
          std::vector<int32_t>(20, 1));
}

// --- penalties -----------------------------------------------------------------------------------------------------

int32_t after(const std::vector<int32_t> & history, const sampling_params & params, const floats & logits) {
    sampler s(words(), params);
    for (const int32_t token : history) {
        s.accept(token);
    }
    return s.sample(logits.data());
}

void penalties_are_by_definition() {
    const floats logits = few_logits({3.0f, 2.9f, 2.0f});
    const auto repeat   = with([](auto & p) { p.repetition_penalty = 1.2f, p.penalty_last_n = 64; });
    CHECK(after({}, repeat, logits) == 0);
    CHECK(after({0}, repeat, logits) == 1);                         // 3 / 1.2 < 2.9
    CHECK(after({0, 1}, repeat, logits) == 0);                      // 2.5 > 2.417 > 2
    CHECK(after({0, 0, 0}, repeat, few_logits({3.0f, 2.4f})) == 0); // how often does not count
    CHECK(after({0}, repeat, few_logits({-1.0f, -1.1f})) == 1);     // a negative logit is multiplied

    const auto frequency = with([](auto & p) { p.frequency_penalty = 0.4f, p.penalty_last_n = 64; });
    CHECK(after({0, 0}, frequency, logits) == 1 && after({0, 0, 1, 1, 1}, frequency, logits) == 0); // 2.2 > 2 > 1.7
    const auto presence = with([](auto & p) { p.presence_penalty = 0.5f, p.penalty_last_n = 64; });
    CHECK(after({0, 0, 0}, presence, logits) == 1 && after({0, 0, 0, 1}, presence, logits) == 0); // 2.5 > 2.4
    const auto reward = with([](auto & p) { p.presence_penalty = -5.0f, p.penalty_last_n = 64; });
    CHECK(after({2}, reward, logits) == 2);
}

void penalties_look_back_only_so_far() {
    const auto params   = with([](auto & p) { p.presence_penalty = 5.0f, p.penalty_last_n = 2; });
    const floats logits = few_logits({3.0f, 2.0f});
    CHECK(after({0, 9}, params, logits) == 1);
    CHECK(after({0, 9, 9}, params, logits) == 0);
    const auto none = with([](auto & p) { p.presence_penalty = 5.0f, p.penalty_last_n = 0; });
    CHECK(after({0}, none, logits) == 0);
    sampler s(words(), params); // what it chose counts too
    CHECK(s.sample(logits.data()) == 0 && s.sample(logits.data()) == 1);
}

void the_image_token_is_accepted() {
    const auto params = with([](auto & p) { p.presence_penalty = 1.0f, p.penalty_last_n = 8; });
    CHECK(after({words().image_token_id(), 0}, params, few_logits({3.0f, 2.5f})) == 1);
}

// --- bias ----------------------------------------------------------------------------------------------------------

void a_bias_moves_a_logit_before_the_penalties() {
    const floats logits = few_logits({3.0f, 2.0f, 1.0f});
    const auto biased   = [&](std::vector<logit_bias> biases) {
        return draw(with([&](auto & p) { p.biases = biases; }), logits, 1)[0];
    };
    CHECK(biased({{1, 0.5f}}) == 0 && biased({{1, 1.5f}}) == 1 && biased({{0, -1.5f}}) == 1);
    CHECK(biased({{0, -INFINITY}}) == 1 && biased({{0, -INFINITY}, {1, -INFINITY}}) == 2);
    CHECK(biased({{262, 100.0f}}) == 0 && biased({{2, 100.0f}}) == 2);
    CHECK(biased({{2, 1.2f}, {2, 1.2f}}) == 2);        // they add up
    CHECK(biased({{0, 100.0f}, {0, -INFINITY}}) == 1); // never stays never
    const auto penalised = with([](auto & p) {
        p.repetition_penalty = 2.0f, p.penalty_last_n = 8, p.biases = {{0, 2.0f}};
    });
    CHECK(after({0}, penalised, few_logits({3.0f, 2.4f})) == 0); // (3 + 2) / 2, not 3 / 2 + 2
    CHECK(after({0}, penalised, few_logits({3.0f, 2.6f})) == 1);
}

void a_forbidden_token_is_never_drawn() {
    const floats logits(n_vocab, 0.0f);
    const auto params = with([](auto & p) {
        p.temperature = 100, p.seed = 9;
        for (int32_t token = 0; token < int32_t(n_vocab); token++) {
            if (token != 7 && token != 250) {
                p.biases.push_back({token, -INFINITY});
            }
        }
    });
    const auto tokens = draw(params, logits, 500);
    CHECK(std::count(tokens.begin(), tokens.end(), 7) > 150 && std::count(tokens.begin(), tokens.end(), 250) > 150);
    CHECK(std::count(tokens.begin(), tokens.end(), 7) + std::count(tokens.begin(), tokens.end(), 250) == 500);
}

// --- log-probabilities ---------------------------------------------------------------------------------------------

void log_probabilities_are_the_log_softmax_of_the_logits() {
    for (uint32_t seed = 0; seed < 20; seed++) {
        const floats logits = random_logits(seed);
        token_logprobs all;
        all.add(5, logits.data(), n_vocab, int32_t(n_vocab));
        double sum = 0;
        for (size_t i = 0; i < n_vocab; i++) {
            sum += std::exp(double(all.top_values[i]));
            const auto id = size_t(all.top_tokens[i]);
            CHECK(std::abs(double(all.top_values[i]) - all.chosen[0] - (double(logits[id]) - logits[5])) < 1e-4);
            CHECK(i == 0 || logits[size_t(all.top_tokens[i - 1])] > logits[id] ||
                  (logits[size_t(all.top_tokens[i - 1])] == logits[id] && all.top_tokens[i - 1] < all.top_tokens[i]));
        }
        CHECK(std::abs(sum - 1) < 1e-4);
        token_logprobs some;
        some.add(5, logits.data(), n_vocab, 3);
        some.add(6, logits.data(), n_vocab, 3);
        CHECK(some.chosen.size() == 2 && some.chosen[0] == all.chosen[0] && some.top_tokens.size() == 6);
        CHECK(std::equal(some.top_tokens.begin(), some.top_tokens.begin() + 3, all.top_tokens.begin()));
    }
    token_logprobs none;
    const float huge = std::numeric_limits<float>::max();
    none.add(1, few_logits({0, huge, -huge}).data(), n_vocab, 0);
    CHECK(none.chosen[0] == 0 && none.top_tokens.empty() && none.top_values.empty());
}

// --- misuse --------------------------------------------------------------------------------------------------------

void logits_that_are_not_finite_are_refused() {
    for (const float value : {std::nanf(""), INFINITY, -INFINITY}) {
        for (const size_t place : {size_t(0), n_vocab / 2, n_vocab - 1}) {
            floats logits = random_logits(1);
            logits[place] = value;
            for (const float temperature : {0.0f, 1.0f}) {
                try {
                    draw(with([&](auto & p) { p.temperature = temperature; }), logits, 1);
                    CHECK(false);
                } catch (const error & e) {
                    CHECK(e.code() == error_code::model_output);
                }
            }
        }
    }
}

void parameters_outside_their_ranges_are_refused() {
    const float nan    = std::nanf("");
    const auto refused = [](const char * name, const std::function<void(sampling_params &)> & change) {
        try {
            const sampler s(words(), with(change));
            return false;
        } catch (const error & e) {
            return e.code() == error_code::invalid_option && std::string(e.what()).find(name) == 0;
        }
    };
    for (const float value : {-0.1f, 100.5f, nan, INFINITY}) {
        CHECK(refused("temperature", [&](auto & p) { p.temperature = value; }));
    }
    for (const float value : {0.0f, -1.0f, 1.1f, nan}) {
        CHECK(refused("topP", [&](auto & p) { p.top_p = value; }));
    }
    for (const float value : {-0.1f, 1.0f, nan}) {
        CHECK(refused("minP", [&](auto & p) { p.min_p = value; }));
    }
    for (const float value : {0.0f, -1.0f, 101.0f, nan, INFINITY}) {
        CHECK(refused("repetitionPenalty", [&](auto & p) { p.repetition_penalty = value; }));
    }
    for (const float value : {-101.0f, 101.0f, nan, INFINITY}) {
        CHECK(refused("frequencyPenalty", [&](auto & p) { p.frequency_penalty = value; }));
        CHECK(refused("presencePenalty", [&](auto & p) { p.presence_penalty = value; }));
    }
    CHECK(refused("topK", [](auto & p) { p.top_k = -1; }));
    CHECK(refused("penaltyLastN", [](auto & p) { p.penalty_last_n = -1; }));
    CHECK(refused("penaltyLastN", [](auto & p) { p.penalty_last_n = INT32_MAX; })); // 8 GiB of places
    for (const float value : {-100.1f, 100.1f, nan, INFINITY}) {
        CHECK(refused("logitBias", [&](auto & p) { p.biases = {{0, value}}; }));
    }
    for (const int32_t token : {-1, int32_t(n_vocab), INT32_MAX, INT32_MIN}) {
        CHECK(refused("logitBias", [&](auto & p) { p.biases = {{token, 1.0f}}; }));
    }
    CHECK(refused("logitBias forbids all", [](auto & p) {
        for (int32_t token = 0; token < int32_t(n_vocab); token++) {
            p.biases.push_back({token, -INFINITY});
        }
    }));
    const auto extremes = with([](auto & p) {
        p.temperature = 100, p.top_k = INT32_MAX, p.min_p = 0.999f, p.repetition_penalty = 100,
        p.frequency_penalty = -100;
        p.penalty_last_n    = 1 << 20;
    });
    CHECK(draw(extremes, random_logits(2), 3).size() == 3);
}

} // namespace

int main() {
    temperature_0_takes_the_largest();
    a_seed_decides_everything();
    draws_follow_the_filtered_distribution();
    temperature_comes_before_top_p();
    small_temperatures_and_large_logits_stay_finite();
    penalties_are_by_definition();
    penalties_look_back_only_so_far();
    the_image_token_is_accepted();
    a_bias_moves_a_logit_before_the_penalties();
    a_forbidden_token_is_never_drawn();
    log_probabilities_are_the_log_softmax_of_the_logits();
    logits_that_are_not_finite_are_refused();
    parameters_outside_their_ranges_are_refused();
    return check::summary();
}
