#pragma once
// Writes an image's keys and values of every cross layer into its slot.

#include "cross-cache.h"
#include "model.h"

#include <ggml.h>

namespace bllossom {

/** states: F32 [n_embd, n_rows], the output of the projector. Appends the writes to gf. */
void build_cross_kv(ggml_context * ctx0, ggml_cgraph * gf, const model & m, const cross_cache & cache,
                    ggml_tensor * states, int32_t slot);

} // namespace bllossom
