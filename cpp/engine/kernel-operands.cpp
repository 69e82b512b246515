#include "kernel-operands.h"

#include "kernel-node.h"

namespace bllossom {

static void round_rows(ggml_tensor * dst, int ith, int nth, void * data) {
    const block_kernels & kernels = *static_cast<const block_kernels *>(data);
    const ggml_tensor * cur       = dst->src[0];
    const row_parts rows{cur->ne[1], nth};
    for (int64_t i = rows.first(ith); i < rows.first(ith + 1); i++) {
        const char * from = static_cast<const char *>(cur->data) + size_t(i) * cur->nb[1];
        kernels.round(reinterpret_cast<const float *>(from), cur->ne[0],
                      static_cast<char *>(dst->data) + size_t(i) * dst->nb[1]);
    }
}

static void round_to_bytes(ggml_tensor * dst, int ith, int nth, void * data) {
    const byte_kernels & kernels = *static_cast<const byte_kernels *>(data);
    const ggml_tensor * cur      = dst->src[0];
    // Blocks of all rows, so that one row alone is shared among threads too.
    const int64_t n_blocks = cur->ne[0] / byte_kernels::block;
    const row_parts blocks{n_blocks * cur->ne[1], nth};
    for (int64_t i = blocks.first(ith); i < blocks.first(ith + 1); i++) {
        const int64_t row = i / n_blocks, block = i % n_blocks;
        const char * from = static_cast<const char *>(cur->data) + size_t(row) * cur->nb[1];
        kernels.round(reinterpret_cast<const float *>(from) + block * byte_kernels::block, byte_kernels::block,
                      static_cast<char *>(dst->data) + size_t(row) * dst->nb[1] + size_t(block) * dst->nb[0]);
    }
}

/** Whether the last operand is the one that is wanted; the next one is from now on. */
bool kernel_operands::is_last(const void * kernels, ggml_tensor * cur) {
    const bool is_known = kernels == last_kernels_ && cur == last_;
    last_kernels_       = kernels;
    last_               = cur;
    return is_known;
}

ggml_tensor * kernel_operands::of(ggml_context * ctx0, const block_kernels & kernels, ggml_tensor * cur) {
    if (cur->type == kernels.type) {
        return cur;
    }
    if (!is_last(&kernels, cur)) {
        last_operand_ = with_gap(ctx0, cur->ne[0], [&](int64_t n) {
            return ggml_custom_4d(ctx0, kernels.type, n, cur->ne[1], 1, 1, &cur, 1, round_rows, GGML_N_TASKS_MAX,
                                  const_cast<block_kernels *>(&kernels));
        });
    }
    return last_operand_;
}

ggml_tensor * kernel_operands::of(ggml_context * ctx0, const byte_kernels & kernels, ggml_tensor * cur) {
    if (!is_last(&kernels, cur)) {
        last_operand_ = ggml_custom_4d(ctx0, GGML_TYPE_Q8_K, cur->ne[0], cur->ne[1], 1, 1, &cur, 1, round_to_bytes,
                                       GGML_N_TASKS_MAX, const_cast<byte_kernels *>(&kernels));
    }
    return last_operand_;
}

} // namespace bllossom
