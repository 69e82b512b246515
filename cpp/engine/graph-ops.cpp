#include "graph-ops.h"

#include <cmath>

namespace bllossom {

ggml_tensor * build_layer_norm(ggml_context * ctx0, ggml_tensor * cur, ggml_tensor * w, ggml_tensor * b, float eps) {
    return ggml_add(ctx0, ggml_mul(ctx0, ggml_norm(ctx0, cur, eps), w), b);
}

ggml_tensor * build_rms_norm(ggml_context * ctx0, ggml_tensor * cur, ggml_tensor * w, float eps) {
    return ggml_mul(ctx0, ggml_rms_norm(ctx0, cur, eps), w);
}

ggml_tensor * build_linear(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b) {
    cur = ggml_mul_mat(ctx0, w, cur);
    return b ? ggml_add(ctx0, cur, b) : cur;
}

ggml_tensor * build_heads(ggml_context * ctx0, ggml_tensor * cur, int64_t n_head) {
    cur = ggml_reshape_3d(ctx0, cur, cur->ne[0] / n_head, n_head, cur->ne[1]);
    return ggml_permute(ctx0, cur, 0, 2, 1, 3);
}

ggml_tensor * build_attention(ggml_context * ctx0, ggml_tensor * q, ggml_tensor * k, ggml_tensor * v,
                              ggml_tensor * mask) {
    const float scale = 1.0f / std::sqrt(float(q->ne[0]));
    ggml_tensor * cur = ggml_flash_attn_ext(ctx0, q, k, v, mask, scale, 0.0f, 0.0f); // [n_embd_head, n_head, n]
    ggml_prec_set_acc(cur, GGML_PREC_F32);
    return ggml_reshape_2d(ctx0, cur, cur->ne[0] * cur->ne[1], cur->ne[2]);
}

} // namespace bllossom
