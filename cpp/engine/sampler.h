#pragma once
// Chooses the next token from logits: libllama's sampler chain on a candidate array of our own.

#include "token-constraint.h"
#include "vocab.h"

#include <cstdint>
#include <memory>
#include <vector>

#include <llama.h>

namespace bllossom {

/** Added to the logit of a token: from -100 to 100, or -infinity for never. */
struct logit_bias {
    int32_t token;
    float value;
};

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
    std::vector<logit_bias> biases; // several of one token add up
};

/** Throws error{invalid_option} for a value outside its range. */
void check_sampling(const sampling_params & params);

class sampler {
  public:
    static constexpr int32_t no_token = -1;

    /** Throws error{invalid_option} for params out of range, and for biases of unknown or of all tokens. */
    sampler(const vocab & v, const sampling_params & params);

    /** Lets the penalties see a token that was not sampled here (the prompt's). */
    void accept(int32_t token);

    /**
     * Chooses a token from logits [n_vocab] and accepts it. Order: bias, penalties, top k, temperature, top p, min p,
     * constraint, draw; top k before temperature gives what transformers' order gives, at less cost. Where the filters
     * leave nothing that the constraint allows, the constraint goes before them. `no_token`: it allows none at all.
     * Throws error{model_output} when a logit is not finite, and what the constraint throws.
     */
    int32_t sample(const float * logits, token_constraint * constraint = nullptr);

    /** The tokens with a bias of -infinity, sorted. */
    const std::vector<int32_t> & forbidden() const { return forbidden_; }

  private:
    struct chain_deleter {
        void operator()(llama_sampler * s) const { llama_sampler_free(s); }
    };
    using chain = std::unique_ptr<llama_sampler, chain_deleter>;

    llama_token_data_array candidates(const float * logits);
    void filter(llama_token_data_array & array);
    int32_t draw(llama_token_data_array & array);
    int32_t draw_allowed(const float * logits, llama_token_data_array & array, token_constraint & constraint);

    int64_t n_vocab_;
    std::vector<logit_bias> biases_;
    std::vector<int32_t> forbidden_;
    chain penalties_, filters_, draw_;
    std::vector<llama_token_data> candidates_;
};

} // namespace bllossom
