#pragma once
// A model of ours as Ollama would have written it, for tests that damage files.

#include "support/gguf-image.h"

namespace tiny {

/** Keys that Ollama leaves out are gone, gates of the vision tower are activated, names are those of the old projector.
 */
gguf_image to_ollama_image(gguf_image image);

} // namespace tiny
