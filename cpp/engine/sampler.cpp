#include "sampler.h"

#include "error.h"
#include "logit-scan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bllossom {

static constexpr int32_t max_look_back = 1 << 20; // libllama allocates a place for each of them
static constexpr float max_bias        = 100;
static constexpr size_t max_single     = 256; // candidates that are checked one by one; more are checked by a mask

void check_sampling(const sampling_params & p) {
    const auto require = [](bool ok, const char * name, double value, const char * range) {
        if (!ok) {
            throw error(error_code::invalid_option, format("%s is %g, but must be %s", name, value, range));
        }
    };
    require(p.temperature >= 0 && p.temperature <= 100, "temperature", p.temperature, "from 0 to 100");
    require(p.top_k >= 0, "topK", p.top_k, "0 or more");
    require(p.top_p > 0 && p.top_p <= 1, "topP", p.top_p, "above 0 and up to 1");
    require(p.min_p >= 0 && p.min_p < 1, "minP", p.min_p, "from 0 to below 1");
    require(p.repetition_penalty > 0 && p.repetition_penalty <= 100, "repetitionPenalty", p.repetition_penalty,
            "above 0 and up to 100");
    require(std::abs(p.frequency_penalty) <= 100, "frequencyPenalty", p.frequency_penalty, "from -100 to 100");
    require(std::abs(p.presence_penalty) <= 100, "presencePenalty", p.presence_penalty, "from -100 to 100");
    require(p.penalty_last_n >= 0 && p.penalty_last_n <= max_look_back, "penaltyLastN", p.penalty_last_n,
            "from 0 to 1048576");
    for (const logit_bias & bias : p.biases) {
        require(std::abs(bias.value) <= max_bias || bias.value == -INFINITY, "logitBias", bias.value,
                "from -100 to 100, or -Infinity for never");
    }
}

/** The tokens with a bias of -infinity, sorted. */
static std::vector<int32_t> find_forbidden(const std::vector<logit_bias> & biases, int64_t n_vocab) {
    std::vector<int32_t> forbidden;
    for (const logit_bias & bias : biases) {
        if (bias.token < 0 || bias.token >= n_vocab) {
            throw error(error_code::invalid_option,
                        format("logitBias names token %d, but the model chooses from the tokens 0 to %lld", bias.token,
                               (long long) n_vocab - 1));
        }
        if (bias.value == -INFINITY) {
            forbidden.push_back(bias.token);
        }
    }
    std::sort(forbidden.begin(), forbidden.end());
    forbidden.erase(std::unique(forbidden.begin(), forbidden.end()), forbidden.end());
    if (int64_t(forbidden.size()) == n_vocab) {
        throw error(error_code::invalid_option,
                    format("logitBias forbids all %lld tokens: leave at least one", (long long) n_vocab));
    }
    return forbidden;
}

static const sampling_params & checked(const sampling_params & params) {
    check_sampling(params);
    return params;
}

/** libllama takes one value as "draw a seed": the caller's must stay a seed like any other. */
static uint32_t usable(uint32_t seed) {
    return seed == LLAMA_DEFAULT_SEED ? seed - 1 : seed;
}

sampler::sampler(const vocab & v, const sampling_params & params)
    : n_vocab_(v.n_logits()), params_(checked(params)), forbidden_(find_forbidden(params.biases, n_vocab_)),
      penalties_(params.repetition_penalty, params.frequency_penalty, params.presence_penalty, params.penalty_last_n),
      dist_(llama_sampler_init_dist(usable(params.seed))), logits_(size_t(n_vocab_)) {}

void sampler::accept(int32_t token) {
    if (token < n_vocab_) { // the image token has no logit
        penalties_.accept(token);
    }
}

int32_t sampler::sample(const float * logits, token_constraint * constraint) {
    adjust(logits);
    int32_t token = choose();
    if (constraint && !constraint->allows(token)) {
        token = choose_allowed(*constraint);
    }
    if (token != no_token) {
        accept(token);
    }
    return token;
}

void sampler::adjust(const float * logits) {
    const int64_t bad = find_not_finite(logits, n_vocab_);
    if (bad >= 0) {
        throw error(error_code::model_output,
                    format("the model produced a logit that is not finite (token %lld): its weights or the device are "
                           "damaged",
                           (long long) bad));
    }
    std::copy(logits, logits + n_vocab_, logits_.begin());
    for (const logit_bias & bias : params_.biases) {
        logits_[size_t(bias.token)] += bias.value;
    }
    penalties_.apply(logits_.data());
}

/** From the logits as they are now; no_token when all of them are -infinity. */
int32_t sampler::choose() {
    if (params_.temperature == 0.0f) {
        const int64_t token = find_largest(logits_.data(), n_vocab_);
        return logits_[size_t(token)] > -INFINITY ? int32_t(token) : no_token;
    }
    pick_candidates();
    return candidates_.empty() ? no_token : draw();
}

// --- the filters ---------------------------------------------------------------------------------------------------

template <typename F> void sampler::keep(F && is_kept) {
    candidates_.erase(
        std::remove_if(candidates_.begin(), candidates_.end(), [&](const llama_token_data & c) { return !is_kept(c); }),
        candidates_.end());
}

/** The difference first: divided by a small temperature, a large logit would become infinite. */
static float scaled(float logit, float largest, float temperature) {
    return (logit - largest) / temperature;
}

/** Keeps the fewest, from the best on, that have a share of top_p of the total weight; false where all have less. */
static bool cut_nucleus(std::vector<llama_token_data> & candidates, float top_p, double total) {
    double sum = 0;
    for (size_t i = 0; i < candidates.size(); i++) {
        sum += std::exp(candidates[i].logit);
        if (sum >= top_p * total) {
            candidates.resize(i + 1);
            return true;
        }
    }
    return false;
}

/** The k likeliest, best first, their logits divided by the temperature and the largest of them 0. */
void sampler::pick_likeliest(int64_t k) {
    find_largest(logits_.data(), n_vocab_, k, candidates_);
    for (size_t i = candidates_.size(); i-- > 0;) {
        candidates_[i].logit = scaled(candidates_[i].logit, candidates_[0].logit, params_.temperature);
    }
}

/** Top p over the whole vocabulary: more and more of the likeliest, until they have their share. */
void sampler::pick_nucleus() {
    const float largest = logits_[size_t(find_largest(logits_.data(), n_vocab_))];
    double total        = 0;
    for (const float logit : logits_) {
        total += std::exp(scaled(logit, largest, params_.temperature));
    }
    for (int64_t k = 256;; k *= 8) {
        pick_likeliest(std::min(k, n_vocab_));
        if (cut_nucleus(candidates_, params_.top_p, total) || k >= n_vocab_) {
            return;
        }
    }
}

void sampler::pick_candidates() {
    if (params_.top_k > 0 && params_.top_k < n_vocab_) {
        pick_likeliest(params_.top_k);
        const double total =
            std::accumulate(candidates_.begin(), candidates_.end(), 0.0,
                            [](double sum, const llama_token_data & c) { return sum + std::exp(c.logit); });
        cut_nucleus(candidates_, params_.top_p, total);
    } else if (params_.top_p < 1.0f) {
        pick_nucleus();
    } else {
        pick_all();
    }
    if (params_.min_p > 0.0f) {
        const float least = std::log(params_.min_p); // of the largest, which is 0
        keep([&](const llama_token_data & c) { return c.logit >= least; });
    }
}

void sampler::pick_all() {
    const float largest = logits_[size_t(find_largest(logits_.data(), n_vocab_))];
    candidates_.clear();
    for (int64_t id = 0; id < n_vocab_; id++) {
        if (logits_[size_t(id)] > -INFINITY) {
            candidates_.push_back({int32_t(id), scaled(logits_[size_t(id)], largest, params_.temperature), 0.0f});
        }
    }
}

// --- the draw ------------------------------------------------------------------------------------------------------

int32_t sampler::draw() {
    llama_token_data_array array{candidates_.data(), candidates_.size(), -1, false};
    llama_sampler_apply(dist_.get(), &array);
    if (array.selected < 0 || array.selected >= int64_t(array.size)) {
        throw error(error_code::internal, "the sampler chose no token");
    }
    return array.data[array.selected].id;
}

/** Whether nothing is left, or nothing whose share of what the filters left is more than rounding. */
static bool has_vanished(const std::vector<llama_token_data> & candidates) {
    constexpr float negligible = -1e4f; // exp() of less is 0 many times over; the largest logit was 0
    return std::all_of(candidates.begin(), candidates.end(),
                       [](const llama_token_data & c) { return c.logit < negligible; });
}

/**
 * A second draw, among those candidates that are allowed, after the first one was refused. Both together draw as from
 * the allowed candidates in the first place: with A for their share, an allowed token of share p is drawn with
 * probability p + (1 - A) p / A = p / A. So most tokens cost one check, and the vocabulary is walked only after a
 * refusal. Where the filters left nothing that is allowed, they look at what is allowed alone.
 */
int32_t sampler::choose_allowed(token_constraint & constraint) {
    if (params_.temperature > 0.0f) {
        if (candidates_.size() <= max_single) {
            keep([&](const llama_token_data & c) { return constraint.allows(c.id); });
        } else {
            const std::vector<uint8_t> & mask = constraint.mask();
            keep([&](const llama_token_data & c) { return mask[size_t(c.id)] != 0; });
        }
        if (!has_vanished(candidates_)) {
            return draw();
        }
    }
    const std::vector<uint8_t> & mask = constraint.mask();
    for (size_t id = 0; id < logits_.size(); id++) {
        logits_[id] = mask[id] != 0 ? logits_[id] : -INFINITY;
    }
    return choose();
}

} // namespace bllossom
