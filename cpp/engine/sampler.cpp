#include "sampler.h"

#include "error.h"

#include <algorithm>
#include <cmath>

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

static llama_sampler * new_chain() {
    return llama_sampler_chain_init(llama_sampler_chain_default_params());
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

sampler::sampler(const vocab & v, const sampling_params & params) : n_vocab_(v.n_logits()), biases_(params.biases) {
    check_sampling(params);
    forbidden_ = find_forbidden(biases_, n_vocab_);
    penalties_.reset(new_chain());
    filters_.reset(new_chain());
    const auto add_filter = [&](llama_sampler * s) { llama_sampler_chain_add(filters_.get(), s); };

    const bool penalises =
        params.repetition_penalty != 1.0f || params.frequency_penalty != 0.0f || params.presence_penalty != 0.0f;
    if (penalises && params.penalty_last_n > 0) {
        llama_sampler_chain_add(penalties_.get(),
                                llama_sampler_init_penalties(int32_t(n_vocab_), params.penalty_last_n,
                                                             params.repetition_penalty, params.frequency_penalty,
                                                             params.presence_penalty));
    }
    if (params.temperature == 0.0f) {
        draw_.reset(llama_sampler_init_greedy());
        return;
    }
    if (params.top_k > 0) {
        add_filter(llama_sampler_init_top_k(params.top_k));
    }
    add_filter(llama_sampler_init_temp(params.temperature));
    if (params.top_p < 1.0f) {
        add_filter(llama_sampler_init_top_p(params.top_p, 1));
    }
    if (params.min_p > 0.0f) {
        add_filter(llama_sampler_init_min_p(params.min_p, 1));
    }
    // libllama takes this one value as "draw a seed": the caller's must stay a seed like any other.
    draw_.reset(llama_sampler_init_dist(params.seed == LLAMA_DEFAULT_SEED ? params.seed - 1 : params.seed));
}

void sampler::accept(int32_t token) {
    if (token < n_vocab_) { // the image token has no logit
        llama_sampler_accept(penalties_.get(), token);
    }
}

int32_t sampler::sample(const float * logits, token_constraint * constraint) {
    llama_token_data_array array = candidates(logits);
    filter(array);
    int32_t token = draw(array);
    if (constraint && !constraint->allows(token)) {
        token = draw_allowed(logits, array, *constraint);
    }
    if (token != no_token) {
        accept(token);
    }
    return token;
}

/** Every token that is not forbidden, with its bias and penalties. */
llama_token_data_array sampler::candidates(const float * logits) {
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
    for (const logit_bias & bias : biases_) {
        candidates_[size_t(bias.token)].logit += bias.value;
    }
    if (!forbidden_.empty()) {
        candidates_.erase(std::remove_if(candidates_.begin(), candidates_.end(),
                                         [](const llama_token_data & c) { return c.logit == -INFINITY; }),
                          candidates_.end());
    }
    llama_token_data_array array{candidates_.data(), candidates_.size(), -1, false};
    llama_sampler_apply(penalties_.get(), &array);
    return array;
}

/** Divided by a small temperature, large logits would become infinite; differences to the largest may. */
static void shift_below_zero(llama_token_data_array & array) {
    const auto by_logit = [](const llama_token_data & a, const llama_token_data & b) { return a.logit < b.logit; };
    const float largest = std::max_element(array.data, array.data + array.size, by_logit)->logit;
    std::for_each(array.data, array.data + array.size, [&](llama_token_data & c) { c.logit -= largest; });
}

void sampler::filter(llama_token_data_array & array) {
    shift_below_zero(array);
    llama_sampler_apply(filters_.get(), &array);
}

int32_t sampler::draw(llama_token_data_array & array) {
    array.selected = -1;
    llama_sampler_apply(draw_.get(), &array);
    if (array.selected < 0 || array.selected >= int64_t(array.size)) {
        throw error(error_code::internal, "the sampler chose no token");
    }
    return array.data[array.selected].id;
}

template <typename F> static void keep(llama_token_data_array & array, F && allowed) {
    const auto gone = [&](const llama_token_data & c) { return !allowed(c.id); };
    array.size      = size_t(std::remove_if(array.data, array.data + array.size, gone) - array.data);
}

/** Whether nothing is left, or nothing whose share of what the filters left is more than rounding. */
static bool has_vanished(const llama_token_data_array & array) {
    constexpr float negligible = -1e4f; // exp() of less is 0 many times over; the largest logit was 0
    return std::all_of(array.data, array.data + array.size,
                       [](const llama_token_data & c) { return c.logit < negligible; });
}

/**
 * A second draw, among those candidates that are allowed, after the first one was refused. Both together draw as from
 * the allowed candidates in the first place: with A for their share, an allowed token of share p is drawn with
 * probability p + (1 - A) p / A = p / A. So most tokens cost one check, and the vocabulary is walked only after a
 * refusal.
 */
int32_t sampler::draw_allowed(const float * logits, llama_token_data_array & array, token_constraint & constraint) {
    if (array.size <= max_single) {
        keep(array, [&](int32_t token) { return constraint.allows(token); });
    } else {
        const std::vector<uint8_t> & mask = constraint.mask();
        keep(array, [&](int32_t token) { return mask[size_t(token)] != 0; });
    }
    if (has_vanished(array)) {
        const std::vector<uint8_t> & mask = constraint.mask();
        array                             = candidates(logits);
        keep(array, [&](int32_t token) { return mask[size_t(token)] != 0; });
        if (array.size == 0) {
            return no_token;
        }
        filter(array);
    }
    return draw(array);
}

} // namespace bllossom
