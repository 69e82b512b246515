#pragma once
// Which rows go into the next batch. Pure planning; knows no ggml.

#include "sequence.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace bllossom {

struct batch_share {
    size_t index;   // of the sequence in the list
    int32_t n_rows; // its next tokens that are not in the cache yet, and those guessed after them
};

/**
 * Decoding sequences come first, one row each and one for every guess, so that running answers do not wait for a long
 * prompt; the room that is left goes to prompts in the order of their arrival.
 */
std::vector<batch_share> plan_batch(const std::vector<std::unique_ptr<sequence>> & sequences, int32_t n_batch);

} // namespace bllossom
