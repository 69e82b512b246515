#pragma once
// The blocks that every graph is made of. Shapes are in ggml's ne order; `n` is the number of rows (tokens, patches).

#include <cstdint>

#include <ggml.h>

namespace bllossom {

/** LayerNorm with weight and bias. cur: [n_embd, n]; w, b: [n_embd]. torch.nn.LayerNorm (biased variance). */
ggml_tensor * build_layer_norm(ggml_context * ctx0, ggml_tensor * cur, ggml_tensor * w, ggml_tensor * b, float eps);

/** RMSNorm with weight, over dimension 0. cur: [n_embd, …]; w: [n_embd]. MllamaTextRMSNorm. */
ggml_tensor * build_rms_norm(ggml_context * ctx0, ggml_tensor * cur, ggml_tensor * w, float eps);

/** w * cur + b; b may be null. w: [n_in, n_out], cur: [n_in, n], b: [n_out] -> [n_out, n]. */
ggml_tensor * build_linear(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b = nullptr);

/** Splits rows into heads, in the layout of flash attention. cur: [n_embd_head*n_head, n] -> view [n_embd_head, n,
 * n_head]. */
ggml_tensor * build_heads(ggml_context * ctx0, ggml_tensor * cur, int64_t n_head);

/**
 * Scaled dot product attention, accumulated in F32.
 * q: [n_embd_head, n, n_head], k and v: [n_embd_head, n_kv, n_head_kv], mask: F16 [n_kv, n] or null.
 * -> [n_embd_head * n_head, n]
 */
ggml_tensor * build_attention(ggml_context * ctx0, ggml_tensor * q, ggml_tensor * k, ggml_tensor * v,
                              ggml_tensor * mask);

} // namespace bllossom
