// Which form, and why. Measured on a Zen 3 (AVX2; a core can do 102 GFLOP/s in F32), by the processor's time, GFLOP/s
// of a core, 3208 rows:
//
//   products of 1280 x 1280, 1280 x 5120, 5120 x 1280 | ggml: BF16 54-56, Q8_0 58-65, F32 58-61, F16 82-88
//                                                     | ours, any type: 81-85, with bias and GELU
//   attention, 16 heads of 80                         | ggml: flash F32 54, F16 53; 31 of heads that lie in rows of the
//                                                     | tower; two products and a softmax, of one head or of four at a
//                                                     | time, F32 42, F16 48, BF16 35
//                                                     | ours: 69-76
//
// Measured on a Sapphire Rapids (AMX), GFLOP/s of two cores, 3216 rows, and 3216 or 6432 rows of attention:
//
//   the same products, Q8_0                           | ggml: 160; ours: AVX2 200, AMX 1850-2130
//   attention                                         | ours: AVX2 165-190, AMX 1010-1170
//
// Measured on a Zen 4 (AVX-512 with BF16), GFLOP/s of two cores, 6404 rows, the same products, Q8_0:
//
//   in floats                                         | ours: 209-217; PyTorch: 137-147
//   in BF16                                           | ours: 415-425; PyTorch: 386-398
//
// With AVX2, ours computes with floats where ggml's kernels round the rows to the type of the weights, and it counts a
// key as often as it stands for by adding a logarithm to a float. So it is taken wherever the CPU computes the tower
// alone and has kernels. A GPU has better ones; there the keys and values of a tile that stands for several are
// repeated, since a mask is F16, in which log(2) is off by 2e-4 of the weight.

#include "vision-ops.h"

#include "graph-ops.h"

#include <algorithm>

namespace bllossom {

vision_ops::vision_ops(ggml_context * ctx0, const model & m, const vision_rows & rows)
    : ctx0_(ctx0), kernels_(m.vision.kernels), rows_(rows), n_head_(m.hp.vision.n_head),
      n_embd_head_(m.hp.vision.n_embd_head()) {
    if (kernels_ != nullptr) {
        const int64_t n_work =
            std::max(linear_node::n_work(*kernels_), attention_node::n_work(*kernels_, n_embd_head_, rows));
        work_ = kernel_thread::new_works(ctx0, n_work, m.n_threads);
        ggml_set_name(work_, "work of the kernels");
    }
}

/** -> type [n_out, n] */
ggml_tensor * vision_ops::kernel_linear(ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b, bool is_gelu,
                                        ggml_type type) {
    linear_.emplace_back(*kernels_, is_gelu);
    return linear_.back().build(ctx0_, w, operand(cur), b, work_, type);
}

/** The type in which a product goes into the next one: one rounding less to compute where that is the kernels'. */
ggml_type vision_ops::operand_type(const ggml_tensor * w) const {
    return linear_node::gives_elements(*kernels_, w) ? kernels_->type : GGML_TYPE_F32;
}

ggml_tensor * vision_ops::linear(ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b) {
    return has_kernel_for(w) ? kernel_linear(w, cur, b, false, GGML_TYPE_F32) : build_linear(ctx0_, w, cur, b);
}

ggml_tensor * vision_ops::mlp(const vision_layer & layer, ggml_tensor * cur) {
    if (has_kernel_for(layer.ffn_up) && has_kernel_for(layer.ffn_down)) {
        cur = kernel_linear(layer.ffn_up, cur, layer.ffn_up_b, true, operand_type(layer.ffn_up));
    } else {
        cur = ggml_gelu_erf(ctx0_, build_linear(ctx0_, layer.ffn_up, cur, layer.ffn_up_b));
    }
    return linear(layer.ffn_down, cur, layer.ffn_down_b);
}

bool vision_ops::has_kernels_for_attention(const vision_layer & layer) const {
    return has_kernel_for(layer.wq) && has_kernel_for(layer.wk) && has_kernel_for(layer.wv) &&
           has_kernel_for(layer.wo) && attention_node::takes(n_embd_head_);
}

ggml_tensor * vision_ops::attention(const vision_layer & layer, ggml_tensor * cur) {
    if (!has_kernels_for_attention(layer)) {
        ggml_tensor * q = linear(layer.wq, cur);
        ggml_tensor * k = linear(layer.wk, cur);
        ggml_tensor * v = linear(layer.wv, cur);
        return linear(layer.wo, flash_attention(q, k, v));
    }
    const auto project = [&](ggml_tensor * w) {
        return operand(kernel_linear(w, cur, nullptr, false, operand_type(w)));
    };
    ggml_tensor * q = project(layer.wq);
    ggml_tensor * k = project(layer.wk);
    ggml_tensor * v = project(layer.wv);
    attention_.emplace_back(*kernels_, rows_);
    return linear(layer.wo, attention_.back().build(ctx0_, q, k, v, work_, n_head_));
}

/** Keys or values as often as they count: [n_embd, n_rows] -> [n_embd, more] */
ggml_tensor * vision_ops::repeat_padding_tile(ggml_tensor * cur) {
    const int64_t n_tile = rows_.n_padding_tile_rows(), n_more = rows_.n_alike - 1;
    if (n_more == 0) {
        return cur;
    }
    ggml_tensor * tile = ggml_view_2d(ctx0_, cur, cur->ne[0], n_tile, cur->nb[1], rows_.n_real_rows() * cur->nb[1]);
    return ggml_concat(ctx0_, cur, ggml_repeat_4d(ctx0_, tile, cur->ne[0], n_tile * n_more, 1, 1), 1);
}

static ggml_tensor * columns(ggml_context * ctx0, ggml_tensor * heads, int64_t first, int64_t n) {
    return ggml_view_3d(ctx0, heads, heads->ne[0], n, heads->ne[2], heads->nb[1], heads->nb[2], first * heads->nb[1]);
}

/** concat( attend(real queries, all keys), attend(padding queries, real keys) ) */
ggml_tensor * vision_ops::flash_attention(ggml_tensor * q, ggml_tensor * k, ggml_tensor * v) {
    const int64_t n_real = rows_.n_real_rows(), n_padding = rows_.n_padding_rows();

    q = build_heads(ctx0_, q, n_head_);
    k = build_heads(ctx0_, repeat_padding_tile(k), n_head_);
    v = build_heads(ctx0_, repeat_padding_tile(v), n_head_);

    ggml_tensor * out = build_attention(ctx0_, columns(ctx0_, q, 0, n_real), k, v, nullptr);
    if (n_padding == 0) {
        return out;
    }
    ggml_tensor * padding = build_attention(ctx0_, columns(ctx0_, q, n_real, n_padding), columns(ctx0_, k, 0, n_real),
                                            columns(ctx0_, v, 0, n_real), nullptr);
    return ggml_concat(ctx0_, out, padding, 1);
}

} // namespace bllossom
