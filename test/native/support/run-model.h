#pragma once
// A model file, used as a user would: loaded by the engine, asked about an image, and asked without one.

#include "context.h"

#include <string>

namespace tiny {

/** Caches just large enough for what run_model does. */
bllossom::context_options small_context();

/**
 * Loads the file with these caches and one thread, generates a few tokens greedily for a prompt with an image and for
 * one without, and closes the engine. Throws the first error event as bllossom::error: a run that returns has sampled
 * every token from finite logits.
 */
void run_model(const std::string & path, const bllossom::context_options & context = small_context());

} // namespace tiny
