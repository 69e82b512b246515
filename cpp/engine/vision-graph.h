#pragma once
// The vision tower and the projector as one ggml graph.

#include "hparams.h"
#include "image-input.h"
#include "model.h"

#include <ggml.h>

namespace bllossom {

/** Inputs of the vision graph; `set` fills them after the graph was allocated. */
struct vision_inputs {
    ggml_tensor * patches         = nullptr; // F32 [patch_elements, n_patches * max_tiles]
    ggml_tensor * aspect_ratio_id = nullptr; // I32 [1]
    ggml_tensor * tile_of_row     = nullptr; // I32 [max_tiles * (n_pos + n_filler)]

    void set(const image_input & image, const vision_hparams & hp) const;
};

struct vision_outputs {
    ggml_tensor * features = nullptr; // F32 [n_embd_out, n_rows]: final state, then one block per intermediate layer
    ggml_tensor * states   = nullptr; // F32 [text.n_embd, n_rows]: cross attention states, rows tile by tile
};

/**
 * Adds the tower and the projector to a graph under construction.
 * n_tiles: real tiles of the image (1 … max_tiles); the graph depends on it because the attention of padding rows does.
 */
vision_outputs build_vision(ggml_context * ctx0, const model & m, int32_t n_tiles, vision_inputs & inputs);

} // namespace bllossom
