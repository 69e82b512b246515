#pragma once
// One generation in flight: its state, its tokens, its text. Knows no graphs.

#include "cross-mask.h"
#include "prefix-cache.h"
#include "prompt-lookup.h"
#include "request.h"
#include "stop-text.h"
#include "utf8-hold.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bllossom {

//   queued -> encoding -> prefill -> decoding <-> parked        (parked: its reader gave no credit)
//   every state -> done
enum class phase { queued, encoding, prefill, decoding, parked, done };

class sequence {
  public:
    using clock = std::chrono::steady_clock;

    /** prompt: the request's, tokenised. Throws error{invalid_option} for bad sampling parameters. */
    sequence(uint32_t id, generate_request && request, std::vector<int32_t> && prompt, const vocab & v,
             cancel_flag cancelled);

    uint32_t id() const { return id_; }
    const generate_request & request() const { return request_; }
    const row_source & source() const { return source_; }
    const std::vector<int32_t> & tokens() const { return source_.tokens; } // the prompt, then what was generated
    int32_t n_prompt() const { return n_prompt_; }
    int32_t n_generated() const { return int32_t(tokens().size()) - n_prompt_; }
    std::vector<int32_t> generated() const { return {tokens().begin() + n_prompt_, tokens().end()}; }
    const std::atomic<bool> & cancelled() const { return *cancelled_; }
    phase state() const { return state_; }

    /** The only place where the state changes; a move that the table does not list is a fault of ours and throws. */
    void move_to(phase next);

    /**
     * Puts the answer under a grammar; it is complete after at most n_left tokens. Throws error{invalid_option} where
     * that cannot be.
     */
    void constrain(std::shared_ptr<const grammar> g, std::shared_ptr<const token_trie> trie, int64_t n_left);

    /** Whether the grammar allows nothing more. */
    bool is_exhausted() const { return constraint_ && constraint_->is_exhausted(); }

    /** Chooses the next token from logits [n_vocab]; sampler::no_token when only the end can follow. Throws. */
    int32_t sample(const float * logits);

    /** Takes in that token and returns the text that can be sent now. `text` is the token's piece. */
    std::string append(int32_t token, const std::string & text);

    /** Takes down the token's log-probabilities where they were asked for. */
    void note_logprobs(int32_t token, const float * logits);

    /** Text still held back at the end of the generation. */
    std::string finish_text();

    bool stop_text_found() const { return stop_text_.found(); }

    /** One piece was sent. */
    void spend_credit();
    void grant(int64_t pieces);

    generate_stats stats() const;

    /** Of the generated tokens; none when none were asked for. Moves them out. */
    std::optional<token_logprobs> take_logprobs() { return std::move(logprobs_); }

    // Places in the caches, managed by the runner.
    cell_list cells;            // in the self cache
    int32_t n_past   = 0;       // tokens whose keys and values are in the self cache
    int32_t n_reused = 0;       // of them, those that another request computed
    bool is_waiting  = false;   // for rows that another request is computing
    std::vector<int32_t> slots; // of the images in the cross cache, in order
    std::vector<cross_image> images;

    int32_t n_images_encoded = 0;

    prompt_lookup lookup;
    std::vector<int32_t> guess;  // tokens that are computed along with the last one, and may turn out wrong
    int32_t n_guessed       = 0; // in all
    int32_t n_guessed_right = 0;

  private:
    const uint32_t id_;
    generate_request request_;
    row_source source_;
    int32_t n_prompt_;
    cancel_flag cancelled_;
    int64_t n_vocab_;
    sampler sampler_;
    std::unique_ptr<token_constraint> constraint_;
    std::optional<token_logprobs> logprobs_;
    phase state_    = phase::queued;
    int64_t credit_ = 0;
    utf8_hold utf8_hold_;
    stop_text stop_text_;

    clock::time_point submitted_ = clock::now();
    clock::time_point started_, prefilled_, first_token_, last_token_;
};

} // namespace bllossom
