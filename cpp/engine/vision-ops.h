#pragma once
// The expensive operations of what is computed for a picture, each in the form that is fastest where that happens.

#include "attention-node.h"
#include "kernel-operands.h"
#include "linear-node.h"
#include "model.h"
#include "vision-rows.h"

#include <deque>

#include <ggml.h>

namespace bllossom {

/** Adds them to one graph. Must live as long as that is computed. */
class vision_ops {
  public:
    vision_ops(ggml_context * ctx0, const model & m, const vision_rows & rows);

    const vision_rows & rows() const { return rows_; }

    /** w * cur + b; b may be null. w: [n_in, n_out], cur: F32 [n_in, n] -> F32 [n_out, n] */
    ggml_tensor * linear(ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b = nullptr);

    /** MllamaVisionMLP: down(gelu(up(cur))), with the exact gelu. cur: F32 [n_embd, n] -> F32 [n_embd, n] */
    ggml_tensor * mlp(const vision_layer & layer, ggml_tensor * cur);

    /** MllamaVisionAttention, of all rows, each as often as it stands for. cur: F32 [n_embd, n_rows] -> the same shape
     */
    ggml_tensor * attention(const vision_layer & layer, ggml_tensor * cur);

  private:
    bool has_kernel_for(const ggml_tensor * w) const { return work_ != nullptr && linear_node::takes(*kernels_, w); }
    bool has_kernels_for_attention(const vision_layer & layer) const;
    ggml_tensor * operand(ggml_tensor * cur) { return operands_.of(ctx0_, *kernels_, cur); }
    ggml_type operand_type(const ggml_tensor * w) const;
    ggml_tensor * kernel_linear(ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b, bool is_gelu, ggml_type type);
    ggml_tensor * flash_attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v);
    ggml_tensor * repeat_padding_tile(ggml_tensor * cur);

    ggml_context * ctx0_;
    const block_kernels * kernels_;
    vision_rows rows_;
    int64_t n_head_;
    int64_t n_embd_head_;
    ggml_tensor * work_ = nullptr; // of our kernels; null where ggml's are taken
    kernel_operands operands_;
    std::deque<linear_node> linear_;
    std::deque<attention_node> attention_;
};

} // namespace bllossom
