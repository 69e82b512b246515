#pragma once
// The expensive operations of the text decoder, each in the form that is fastest where that happens.

#include "byte-rows-node.h"
#include "cell-attention.h"
#include "few-rows-node.h"
#include "kernel-operands.h"
#include "linear-node.h"
#include "model.h"
#include "rounded-rows-node.h"

#include <cstdint>
#include <deque>

#include <ggml.h>

namespace bllossom {

/** Adds them to one graph. Must live as long as that is computed. */
class text_ops {
  public:
    /** n_rows: of the batch. */
    text_ops(ggml_context * ctx0, const model & m, int64_t n_rows);

    /** w * cur. w: [n_in, n_out], cur: F32 [n_in, n] -> F32 [n_out, n] */
    ggml_tensor * linear(ggml_tensor * w, ggml_tensor * cur);

    /**
     * Attention of layer il to cells of its cache. q: F32 [n_embd_head, n_head, n_rows]; k, v: [n_embd_head, n_cells,
     * n_head_kv]; mask: F16 [n_cells, n_rows] -> F32 [n_embd_head * n_head, n_rows]
     */
    ggml_tensor * attention(int32_t il, ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, ggml_tensor * mask);

  private:
    ggml_context * ctx0_;
    const model & model_;
    const block_kernels * kernels_; // of products with tiled weights; null where ggml's are taken
    ggml_tensor * work_ = nullptr;  // of those kernels
    kernel_operands operands_;
    std::deque<few_rows_node> few_rows_;
    std::deque<rounded_rows_node> rounded_rows_;
    std::deque<linear_node> linear_;
    std::deque<byte_rows_node> byte_rows_;
    std::deque<cell_attention> attention_;
};

} // namespace bllossom
