// Which form, and why. Measured on a Sapphire Rapids (AMX), two cores, a model of 5 B parameters in Q4_K_M.
//
// Products with tiled weights, tokens/s by rows | 1     2    4    6    8    16   24   512
//   ggml's AMX kernels                          | 7.7   12   21   -    31   56   66    86
//   ours: rows of floats                        | 9.1   15   23   31   33
//   ours: BF16 tiles                            | -     -    21   31   38   67   82   185
//
// And, in another run, by rows                | 8    12   16   24   32
//   ours: BF16 tiles, weights unpacked first    | 41   59   75   97   103
//   ours: BF16 tiles, weights as they lie       | 58   75   86   90   90
//
// ggml's kernels round rows to bytes; for more than one row they unpack the weights anew for every 32 of them and leave
// the tiles after every 32 inputs. Of ours, the first round nothing, the second unpack the weights once, to BF16:
// 1 - cosine of the logits against rows of floats is 4e-4 where ggml's have 6e-3, the mean of 96 tokens. The last leave
// the tiles like ggml's, which pays for rows of one tile, and do not round the weights.
//
// Attention, ms of a layer with 24 heads on 8, of 128 numbers, by rows and cells in F16
//
//         | 1 row of 6400   24 of 6400   8, each of its own 6400   1 of 8192   512 of 512, causal
//   ggml  | 2.5             58           65                        3.1         16.3
//   ours  | 1.2             16           18                        1.5         15.0
//
// On an EPYC (Zen 4 without AVX-512), two cores, the same model; tokens/s by rows, medians of two runs in turns
//
//                       | 1     2    4    8    16   64   512
//   ggml's AVX2 kernels | 13.5  14   16   17   23   24   24
//   ours: rows of bytes | 15.8  18   23   27   36   40   40
//
// Both round rows to bytes. From the cache of a core ggml's read 17 GB/s of Q4_K, ours 31.
//
// On an EPYC (Zen 4 with AVX-512), one core, GB/s of weights from memory, by rows
//
//                                                  | 1    8    |  1    8
//   Q4_K: AVX2 | AVX-512                           | 26   5.7  |  29   7.4
//   the same without asking for blocks to come     | 30   4.1  |  31   5.0
//   Q6_K: AVX2 | AVX-512                           | 27   4.2  |  30   7.9
//   the same without asking for the next panel     |           |  14   3.6

#include "text-ops.h"

#include "graph-ops.h"

namespace bllossom {

text_ops::text_ops(ggml_context * ctx0, const model & m, int64_t n_rows)
    : ctx0_(ctx0), model_(m), kernels_(m.text.kernels) {
    if (kernels_ != nullptr && n_rows > few_rows::most) {
        const int64_t n_work = std::max(linear_node::n_work(*kernels_), rounded_rows_node::n_work());
        work_                = kernel_thread::new_works(ctx0, n_work, m.n_threads);
        ggml_set_name(work_, "work of the kernels");
    }
}

ggml_tensor * text_ops::linear(ggml_tensor * w, ggml_tensor * cur) {
    const byte_kernels * bytes = model_.text.bytes;
    if (bytes != nullptr && find_byte_product(*bytes, w) != nullptr) {
        byte_rows_.emplace_back(*bytes, w);
        return byte_rows_.back().build(ctx0_, w, cur, operands_.of(ctx0_, *bytes, cur));
    }
    if (kernels_ != nullptr && few_rows_node::takes(w, cur->ne[1])) {
        few_rows_.emplace_back();
        return few_rows_.back().build(ctx0_, w, cur);
    }
    if (work_ != nullptr && rounded_rows_node::takes(*kernels_, w, cur->ne[1])) {
        rounded_rows_.emplace_back(*kernels_);
        return rounded_rows_.back().build(ctx0_, w, operands_.of(ctx0_, *kernels_, cur), work_);
    }
    if (work_ == nullptr || !linear_node::takes_tiled(*kernels_, w)) {
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
