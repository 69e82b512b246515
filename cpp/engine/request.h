#pragma once
// What a caller asks of the engine and what comes back. Plain values: they cross threads by copy or move.

#include "error.h"
#include "image-input.h"
#include "sampler.h"
#include "token-logprobs.h"
#include "vocab.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bllossom {

/** Set by the caller's thread, read between graph nodes by the engine's. */
using cancel_flag = std::shared_ptr<std::atomic<bool>>;

struct generate_request {
    std::vector<prompt_part> prompt;
    std::vector<image_input> images; // in the order of the image tokens
    int32_t max_tokens = 256;
    sampling_params sampling;
    std::vector<std::string> stop;
    bool ignore_eos = false;            // go on after a stop token; under a grammar, none is chosen
    std::optional<std::string> grammar; // GBNF (grammar.h)
    bool reuses_rows   = true;          // may begin with rows that another request computed
    int32_t n_lookup   = 0;             // tokens guessed at once at most (prompt-lookup.h)
    int32_t n_logprobs = -1; // of every token: -1 none, else its own and so many of the likeliest (token-logprobs.h)
    int64_t credit     = 0;  // pieces that may be sent before more are granted
};

/** A teacher-forced run, for tests, measurements and importance matrices. */
struct evaluate_request {
    std::vector<prompt_part> prompt;
    std::vector<image_input> images;
    int32_t chunk = 0; // rows per graph; 0: the batch size
};

/** Where an importance matrix goes, and what it says of itself. */
struct importance_target {
    std::string path;
    std::vector<std::string> datasets; // what was collected from
    uint32_t chunk_size = 0;           // tokens in one chunk of text
};

struct evaluation {
    std::vector<int32_t> tokens;
    std::vector<float> logits;                       // [n_tokens][n_vocab]
    std::vector<std::vector<float>> vision_features; // per image, [n_rows][n_embd_out]
    std::vector<std::vector<float>> cross_states;    // per image, [n_rows][n_embd]
};

/** What of a session was saved, or found room. */
struct session_counts {
    int32_t n_prompts = 0;
    int32_t n_tokens  = 0; // whose keys and values are there; those that prompts begin with together count once
    int32_t n_images  = 0;
};

enum class finish_reason { stop, length };

/** Seconds and counts. */
struct generate_stats {
    int32_t n_prompt         = 0;
    int32_t n_generated      = 0;
    int32_t n_reused         = 0; // of the prompt's tokens, those that an earlier request computed
    int32_t n_images_encoded = 0;
    int32_t n_guessed        = 0; // tokens, by prompt lookup
    int32_t n_guessed_right  = 0;
    double queue_time        = 0;
    double encode_time       = 0;
    double prompt_time       = 0; // from the first prompt row computed to the first token
    double decode_time       = 0; // from the first token to the last
    double first_token_time  = 0; // from submission
};

} // namespace bllossom
