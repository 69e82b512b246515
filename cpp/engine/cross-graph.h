#pragma once
// Writes an image's keys and values of every cross layer into its slot.

#include "cross-cache.h"
#include "model.h"
#include "vision-ops.h"

#include <ggml.h>

namespace bllossom {

/**
 * states: F32 [n_embd, n_tile_rows], the output of the projector. Appends the writes to gf: each row goes into as many
 * cells as it stands for.
 */
void build_cross_kv(ggml_context * ctx0, ggml_cgraph * gf, const model & m, const cross_cache & cache, vision_ops & ops,
                    ggml_tensor * states, int32_t slot);

} // namespace bllossom
