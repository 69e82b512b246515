#pragma once
// Chooses the next token from logits. Few candidates are picked from the vocabulary first; what filters and draws among
// them is libllama's.

#include "token-constraint.h"
#include "token-penalties.h"
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
    struct sampler_deleter {
        void operator()(llama_sampler * s) const { llama_sampler_free(s); }
    };

    void adjust(const float * logits);
    int32_t choose();
    int32_t choose_allowed(token_constraint & constraint);
    void pick_candidates();
    void pick_likeliest(int64_t k);
    void pick_nucleus();
    void pick_all();
    template <typename F> void keep(F && is_kept);
    int32_t draw();

    int64_t n_vocab_;
    sampling_params params_;
    std::vector<int32_t> forbidden_;
    token_penalties penalties_;
    std::unique_ptr<llama_sampler, sampler_deleter> dist_;
    std::vector<float> logits_;                // [n_vocab], with biases and penalties; -infinity: not to be chosen
    std::vector<llama_token_data> candidates_; // what the filters left
};

} // namespace bllossom
