#pragma once
// Requests to a tiny model, and clients that have loaded it.

#include "client.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tiny {

using ids = std::vector<int32_t>;

constexpr int64_t plenty = INT64_MAX; // credit

/** Made once in a process. */
std::string model_path();

/** One thread, F32 caches, 1024 cells. */
engine_options options_for(const std::string & path = model_path());

/** options_for() with a change. */
engine_options with(const std::function<void(engine_options &)> & change);

/** An image of random pixels; equal names are equal images. 1: one tile, 6: 2 x 2. */
image_input image_of(const std::string & name, int32_t aspect_ratio_id = 6, int32_t side = 28);

/** "ab*cd": text with a place for an image where `*` stands. */
std::vector<prompt_part> prompt_of(const std::string & text);

/** Greedy, and goes on after a stop token. */
generate_request request_of(const std::string & text, std::vector<image_input> images = {}, int32_t max_tokens = 24);

/** A prompt of n tokens. */
generate_request long_prompt(size_t n, int32_t max_tokens = 8);

/** Seven, with and without images, some of them equal. */
std::vector<generate_request> mixed_requests();

/** A client with a loaded model. */
struct loaded : client {
    explicit loaded(const engine_options & options = options_for(), std::function<void(engine &)> on_wake = nullptr);
    event run(const generate_request & request) { return settled(generate(request)); }
    ids tokens(const generate_request & request) { return run(request).tokens; }
};

/** What an engine answers that has nothing else to do. */
ids solo(const generate_request & request, const engine_options & options = options_for());

} // namespace tiny
