// Which form, and why. Measured on a Sapphire Rapids (AMX), two cores, a model of 5 B parameters in Q4_K_M.
//
// Products of a batch, tokens/s by its rows | 16   24   31   512
//   ggml's AMX kernels                      | 56   66   70    86
//   ours                                    | 47   63   77   185
//
// ggml's round rows to bytes, unpack the weights anew for every 32 rows and leave the tiles after every 32 inputs. Ours
// unpack them once, to BF16, and are nearer to what rows of floats give: 1 - cosine of the logits 4e-4 where ggml's
// have 6e-3, the mean of 96 tokens.
//
// Attention, ms of a layer with 24 heads on 8, of 128 numbers, by rows and cells in F16
//
//         | 1 row of 6400   24 of 6400   8, each of its own 6400   1 of 8192   512 of 512, causal
//   ggml  | 2.5             58           65                        3.1         16.3
//   ours  | 1.2             16           18                        1.5         15.0

#include "text-ops.h"

#include "graph-ops.h"

namespace bllossom {

/** Rows from which unpacking the weights pays. */
static constexpr int64_t min_rows = 32;

text_ops::text_ops(ggml_context * ctx0, const model & m, int64_t n_rows)
    : ctx0_(ctx0), model_(m), kernels_(n_rows >= min_rows ? m.text.kernels : nullptr) {
    if (kernels_ != nullptr) {
        work_ = kernel_thread::new_works(ctx0, linear_node::n_work(*kernels_), m.n_threads);
        ggml_set_name(work_, "work of the kernels");
    }
}

ggml_tensor * text_ops::linear(ggml_tensor * w, ggml_tensor * cur) {
    if (kernels_ == nullptr || cur->ne[1] < min_rows || !linear_node::takes_tiled(*kernels_, w)) {
        return build_linear(ctx0_, w, cur);
    }
    linear_.emplace_back(*kernels_, false);
    return linear_.back().build(ctx0_, w, operands_.of(ctx0_, *kernels_, cur), nullptr, work_);
}

ggml_tensor * text_ops::attention(int32_t il, ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, ggml_tensor * mask) {
    const cell_kernels * kernels = model_.text.layers[size_t(il)].kernels;
    if (kernels == nullptr || !cell_attention::takes(q->ne[0])) {
        return build_attention(ctx0_, ggml_permute(ctx0_, q, 0, 2, 1, 3), k, v, mask);
    }
    attention_.emplace_back(*kernels, model_.n_threads);
    return attention_.back().build(ctx0_, q, k, v, mask);
}

} // namespace bllossom
