#pragma once
// A model file, used as a user would: loaded by the engine, asked about an image, and asked without one.

#include <string>

namespace tiny {

/**
 * Loads the file with small caches and one thread, generates a few tokens greedily for a prompt with an image and for
 * one without, and closes the engine. Throws the first error event as bllossom::error: a run that returns has sampled
 * every token from finite logits.
 */
void run_model(const std::string & path);

} // namespace tiny
