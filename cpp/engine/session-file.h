#pragma once
// The caches as a file: prompts and images that requests of a later process begin with, without computing them again.
//
// A GGUF file with general.type "session". Its keys: session-index.h. For every layer the tensors `blk.<layer>.k` and
// `.v`, in the type of the caches, [n_embd_kv, n]: rows of prompts in a self layer, and in a cross layer the rows of
// one image after the other.

#include "context.h"
#include "prefix-cache.h"
#include "request.h"

#include <functional>
#include <string>

namespace bllossom {

/**
 * Writes what requests could find in the caches. The file appears when it is complete; until then, what was there
 * stays. should_stop: asked every few MiB.
 *
 * Throws error{io}; error{model_output} for NaN and infinity in the caches; error{cancelled}.
 */
session_counts save_session(const std::string & path, context & c, const prefix_cache & prefixes,
                            const std::function<bool()> & should_stop);

/**
 * Puts the prompts and images of a file into the caches, the last used ones first, as far as there is room: what
 * requests use stays, what none uses makes room. Returns what was put there; of the last prompt, it may be the
 * beginning.
 *
 * Throws error{io} where the file cannot be read; error{model_unsupported} for a session of another model, type or row
 * mode; error{model_format} for a damaged file or none of ours; error{cancelled}. Unless the file changes while it is
 * read, a throw leaves the caches as they were.
 */
session_counts load_session(const std::string & path, context & c, prefix_cache & prefixes,
                            const std::function<bool()> & should_stop);

} // namespace bllossom
