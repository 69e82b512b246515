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

ggml_tensor * kernel_operands::of(ggml_context * ctx0, const block_kernels & kernels, ggml_tensor * cur) {
    if (cur->type == kernels.type) {
        return cur;
    }
    if (cur != last_) {
        last_         = cur;
        last_operand_ = with_gap(ctx0, cur->ne[0], [&](int64_t n) {
            return ggml_custom_4d(ctx0, kernels.type, n, cur->ne[1], 1, 1, &cur, 1, round_rows, GGML_N_TASKS_MAX,
                                  const_cast<block_kernels *>(&kernels));
        });
    }
    return last_operand_;
}

} // namespace bllossom
