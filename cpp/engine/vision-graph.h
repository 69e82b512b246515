#pragma once
// The vision tower and the projector as one ggml graph.

#include "hparams.h"
#include "image-input.h"
#include "model.h"
#include "vision-ops.h"
#include "vision-rows.h"

#include <memory>

#include <ggml.h>

namespace bllossom {

/** Inputs of the vision graph; `set` fills them after the graph was allocated. Must live as long as it is computed. */
struct vision_inputs {
    ggml_tensor * patches         = nullptr; // F32 [patch_elements, n_patches * n_real]
    ggml_tensor * aspect_ratio_id = nullptr; // I32 [1]
    ggml_tensor * tile_of_row     = nullptr; // I32 [n_rows]
    std::unique_ptr<vision_ops> ops;         // nodes of the graph compute with it

    void set(const image_input & image, const vision_hparams & hp) const;
};

/** Rows are those of the tiles that are computed, tile by tile. */
struct vision_outputs {
    ggml_tensor * features = nullptr; // F32 [n_embd_out, n_tile_rows]: final state, a block per intermediate layer
    ggml_tensor * states   = nullptr; // F32 [text.n_embd, n_tile_rows]: cross attention states
};

/** Adds the tower and the projector to a graph under construction. */
vision_outputs build_vision(ggml_context * ctx0, const model & m, const vision_rows & rows, vision_inputs & inputs);

/** The rows of every tile of such an output: those of one that stands for several are repeated. */
ggml_tensor * build_every_tile(ggml_context * ctx0, const vision_rows & rows, ggml_tensor * output);

} // namespace bllossom
