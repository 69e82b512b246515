#pragma once
// The text decoder over one batch of rows, which may belong to many sequences, as one ggml graph.

#include "cross-cache.h"
#include "cross-mask.h"
#include "model.h"
#include "self-cache.h"

#include <cstdint>
#include <vector>

#include <ggml.h>

namespace bllossom {

/** One token of one sequence. */
struct batch_row {
    int32_t token = 0;
    int32_t pos   = 0;
    int32_t seq   = 0;
    int64_t cell  = 0;     // where its keys and values go in the self cache
    bool output   = false; // logits are wanted

    const std::vector<cross_image> * images = nullptr; // of its sequence; never null
};

/** What the shape of the graph depends on. */
struct text_shape {
    int32_t n_rows    = 0;
    int32_t n_outputs = 0;
    int64_t n_kv      = 0; // self cells attended to

    // Cells of the cross cache attended to; n_cross_cells == 0: no row has an image, the cross layers are left out.
    int64_t first_cross_cell = 0;
    int64_t n_cross_cells    = 0;
};

text_shape shape_of(const std::vector<batch_row> & rows, const self_cache & self, const cross_cache & cross);

struct text_inputs {
    ggml_tensor * tokens     = nullptr; // I32 [n_rows]
    ggml_tensor * positions  = nullptr; // I32 [n_rows]
    ggml_tensor * cells      = nullptr; // I64 [n_rows]          self cells to write
    ggml_tensor * self_mask  = nullptr; // F16 [n_kv, n_rows]
    ggml_tensor * output_ids = nullptr; // I32 [n_outputs]

    // with cross layers only
    ggml_tensor * cross_mask = nullptr; // F16 [n_cross_cells, n_rows]
    ggml_tensor * attends    = nullptr; // F32 [1, n_rows]       0/1, scales the cross attention output
    ggml_tensor * mlp        = nullptr; // F32 [1, n_rows]       0/1, scales the cross MLP output

    void set(const std::vector<batch_row> & rows, const text_shape & shape, const self_cache & self,
             row_mode mode) const;
};

/** Appends the decoder to gf. -> logits, F32 [n_vocab, n_outputs] */
ggml_tensor * build_text(ggml_context * ctx0, ggml_cgraph * gf, const model & m, const self_cache & self,
                         const cross_cache & cross, const text_shape & shape, text_inputs & inputs);

} // namespace bllossom
