#pragma once
// The two expensive operations of the vision tower, each in the form that is fastest where the tower is computed.

#include "attention-node.h"
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

    /** w * cur + b; b may be null. w: [n_in, n_out], cur: F32 [n_in, n] -> F32 [n_out, n] */
    ggml_tensor * linear(ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b = nullptr);

    /** gelu(w * cur + b), the exact one. */
    ggml_tensor * linear_gelu(ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b);

    /** Of all rows, each as often as it stands for. q, k, v: F32 [n_embd, n_rows] -> F32 [n_embd, n_rows] */
    ggml_tensor * attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v);

  private:
    bool has_kernel_for(const ggml_tensor * w) const { return work_ != nullptr && linear_node::takes(w); }
    ggml_tensor * linear_node_for(ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b, bool is_gelu);
    ggml_tensor * flash_attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v);
    ggml_tensor * repeat_padding_tile(ggml_tensor * cur);

    ggml_context * ctx0_;
    const block_kernels * kernels_;
    vision_rows rows_;
    int64_t n_head_;
    int64_t n_embd_head_;
    ggml_tensor * work_ = nullptr; // of our kernels; null where ggml's are taken
    std::deque<linear_node> linear_;
    std::deque<attention_node> attention_;
};

} // namespace bllossom
