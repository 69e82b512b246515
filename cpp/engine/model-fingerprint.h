#pragma once
// Which model is it? For what was computed with one and must not be taken for another's.

#include "model-source.h"

#include <string>

namespace bllossom {

/**
 * 16 hexadecimal digits made of the hyper-parameters, of every tensor's name, type and shape, and of a sample of its
 * bytes: a few KiB of each, so that other weights, as of another fine-tune or quantization, give other digits.
 * Throws error{io}.
 */
std::string fingerprint_of(const model_source & source);

} // namespace bllossom
