#pragma once
// What of a request can be refused at once: it will never fit the model or the caches it was loaded with.

#include "context.h"
#include "request.h"
#include "vocab.h"

#include <cstdint>
#include <vector>

namespace bllossom {

/** A prompt as tokens, its images compared with their places in it. Throws error{invalid_option, context_full}. */
std::vector<int32_t> tokenize(const std::vector<prompt_part> & prompt, const std::vector<image_input> & images,
                              const vocab & v, const context & c);

/** Throws error{invalid_option}. */
void check_options(const generate_request & request, const vocab & v);

} // namespace bllossom
