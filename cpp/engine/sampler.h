#pragma once
// Chooses the next token from logits: libllama's sampler chain on a candidate array of our own.

#include "vocab.h"

#include <cstdint>
#include <memory>
#include <vector>

#include <llama.h>

namespace bllossom {

struct sampling_params {
    float temperature        = 0.0f; // 0: greedy
    int32_t top_k            = 0;    // 0: off
    float top_p              = 1.0f; // 1: off
    float min_p              = 0.0f; // 0: off
    float repetition_penalty = 1.0f; // 1: off
    float frequency_penalty  = 0.0f;
    float presence_penalty   = 0.0f;
    int32_t penalty_last_n   = 0; // tokens looked back on
    uint32_t seed            = 0;
};

/** Throws error{invalid_option} for a value outside its range. */
void check_sampling(const sampling_params & params);

class sampler {
  public:
    sampler(const vocab & v, const sampling_params & params);

    /** Lets the penalties see a token that was not sampled here (the prompt's). */
    void accept(int32_t token);

    /**
     * Chooses a token from logits [n_vocab] and accepts it. Order: penalties, top k, temperature, top p, min p, draw;
     * top k before temperature gives what transformers' order gives, at less cost.
     * Throws error{model_output} when a logit is not finite.
     */
    int32_t sample(const float * logits);

  private:
    struct chain_deleter {
        void operator()(llama_sampler * s) const { llama_sampler_free(s); }
    };

    void shift_below_zero();

    int64_t n_vocab_;
    std::unique_ptr<llama_sampler, chain_deleter> penalties_;
    std::unique_ptr<llama_sampler, chain_deleter> chain_; // the rest
    std::vector<llama_token_data> candidates_;
};

} // namespace bllossom
