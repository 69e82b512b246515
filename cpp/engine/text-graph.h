#pragma once
// The text decoder over one batch of rows, which may belong to many sequences, as one ggml graph.

#include "cross-cache.h"
#include "cross-mask.h"
#include "model.h"
#include "self-cache.h"
#include "text-ops.h"

#include <cstdint>
#include <memory>
#include <vector>

#include <ggml.h>

namespace bllossom {

/** One token of one sequence. */
struct batch_row {
    int32_t token = 0;
    int32_t pos   = 0;
    bool output   = false; // logits are wanted

    // Of its sequence; never null. Its keys and values go into the cell of its position.
    const cell_list * cells                 = nullptr;
    const std::vector<cross_image> * images = nullptr;
};

/** What the shape of the graph depends on. */
struct text_shape {
    int32_t n_rows    = 0;
    int32_t n_outputs = 0;
    cell_range self;  // cells of the self cache attended to
    cell_range cross; // of the cross cache; none: no row has an image, the cross layers are left out

    bool operator==(const text_shape & other) const;
};

text_shape shape_of(const std::vector<batch_row> & rows, const cross_cache & cross);

struct text_inputs {
    ggml_tensor * tokens     = nullptr; // I32 [n_rows]
    ggml_tensor * positions  = nullptr; // I32 [n_rows]
    ggml_tensor * cells      = nullptr; // I64 [n_rows]          self cells to write
    ggml_tensor * self_mask  = nullptr; // F16 [self.n, n_rows]
    ggml_tensor * output_ids = nullptr; // I32 [n_outputs]

    // with cross layers only
    ggml_tensor * cross_mask = nullptr; // F16 [cross.n, n_rows]
    ggml_tensor * attends    = nullptr; // F32 [1, n_rows]       0/1, scales the cross attention output
    ggml_tensor * mlp        = nullptr; // F32 [1, n_rows]       0/1, scales the cross MLP output

    std::unique_ptr<text_ops> ops; // nodes of the graph compute with it

    void set(const std::vector<batch_row> & rows, const text_shape & shape, row_mode mode) const;
};

/** Appends the decoder to gf. -> logits, F32 [n_vocab, n_outputs] */
ggml_tensor * build_text(ggml_context * ctx0, ggml_cgraph * gf, const model & m, const self_cache & self,
                         const cross_cache & cross, const text_shape & shape, text_inputs & inputs);

} // namespace bllossom
