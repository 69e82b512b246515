#include "sampler.h"

#include "error.h"

#include <algorithm>
#include <cmath>

namespace bllossom {

static constexpr int32_t max_look_back = 1 << 20; // libllama allocates a place for each of them

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
}

sampler::sampler(const vocab & v, const sampling_params & params) : n_vocab_(v.n_logits()) {
    check_sampling(params);
    penalties_.reset(llama_sampler_chain_init(llama_sampler_chain_default_params()));
    chain_.reset(llama_sampler_chain_init(llama_sampler_chain_default_params()));
    const auto add = [&](llama_sampler * s) { llama_sampler_chain_add(chain_.get(), s); };

    const bool penalises =
        params.repetition_penalty != 1.0f || params.frequency_penalty != 0.0f || params.presence_penalty != 0.0f;
    if (penalises && params.penalty_last_n > 0) {
        llama_sampler_chain_add(penalties_.get(),
                                llama_sampler_init_penalties(int32_t(n_vocab_), params.penalty_last_n,
                                                             params.repetition_penalty, params.frequency_penalty,
                                                             params.presence_penalty));
    }
    if (params.temperature == 0.0f) {
        add(llama_sampler_init_greedy());
        return;
    }
    if (params.top_k > 0) {
        add(llama_sampler_init_top_k(params.top_k));
    }
    add(llama_sampler_init_temp(params.temperature));
    if (params.top_p < 1.0f) {
        add(llama_sampler_init_top_p(params.top_p, 1));
    }
    if (params.min_p > 0.0f) {
        add(llama_sampler_init_min_p(params.min_p, 1));
    }
    // libllama takes this one value as "draw a seed": the caller's must stay a seed like any other.
    add(llama_sampler_init_dist(params.seed == LLAMA_DEFAULT_SEED ? params.seed - 1 : params.seed));
}

void sampler::accept(int32_t token) {
    if (token < n_vocab_) { // the image token has no logit
        llama_sampler_accept(penalties_.get(), token);
    }
}

int32_t sampler::sample(const float * logits) {
    candidates_.resize(size_t(n_vocab_));
    for (int64_t id = 0; id < n_vocab_; id++) {
        if (!std::isfinite(logits[id])) {
            throw error(
                error_code::model_output,
                format("the model produced a logit that is not finite (token %lld): its weights or the device are "
                       "damaged",
                       (long long) id));
        }
        candidates_[size_t(id)] = {int32_t(id), logits[id], 0.0f};
    }
    llama_token_data_array array{candidates_.data(), candidates_.size(), -1, false};
    llama_sampler_apply(penalties_.get(), &array);
    shift_below_zero();
    llama_sampler_apply(chain_.get(), &array);
    if (array.selected < 0 || array.selected >= int64_t(array.size)) {
        throw error(error_code::internal, "the sampler chose no token");
    }
    const int32_t token = array.data[array.selected].id;
    accept(token);
    return token;
}

/** Divided by a small temperature, large logits would become infinite; differences to the largest may. */
void sampler::shift_below_zero() {
    const auto by_logit = [](const llama_token_data & a, const llama_token_data & b) { return a.logit < b.logit; };
    const float largest = std::max_element(candidates_.begin(), candidates_.end(), by_logit)->logit;
    for (llama_token_data & candidate : candidates_) {
        candidate.logit -= largest;
    }
}

} // namespace bllossom
