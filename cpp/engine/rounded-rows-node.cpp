// Memory is read once, in its order. Of so few rows the tiles can give up their sums after every group of inputs, whose
// scales are then multiplied in: that costs less than to multiply every weight with its scale.

#include "rounded-rows-node.h"

namespace bllossom {

static constexpr int64_t n_panel      = 16;      // outputs
static constexpr int64_t most_inputs  = 1 << 15; // whose sums have room
static constexpr int64_t least_inputs = 16;      // of a group

bool rounded_rows_node::takes(const block_kernels & kernels, const ggml_tensor * w, int64_t n_rows) {
    const tiled_format * tiled = kernels.type == GGML_TYPE_BF16 ? find_tiled_format(w) : nullptr;
    return tiled != nullptr && tiled->multiply_rounded != nullptr && n_rows <= rounded_rows::most &&
           w->ne[0] <= most_inputs;
}

int64_t rounded_rows_node::n_work() {
    return rounded_rows::most * most_inputs / least_inputs;
}

ggml_tensor * rounded_rows_node::build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * work) {
    tiled_               = find_tiled_format(w);
    ggml_tensor * args[] = {cur, work, nullptr, nullptr, w};
    static_assert(at_weight == 4, "the place of w in args");
    return ggml_custom_4d(ctx0, GGML_TYPE_F32, w->ne[1], cur->ne[1], 1, 1, args, at_weight + 1, compute,
                          GGML_N_TASKS_MAX, this);
}

void rounded_rows_node::compute(ggml_tensor * dst, int ith, int nth, void * data) {
    rounded_rows_node & self = *static_cast<rounded_rows_node *>(data);
    const kernel_thread thread(dst->src[1], ith, nth);
    if (thread.work == nullptr) {
        return;
    }
    const tiled_format & tiled = *self.tiled_;
    const ggml_tensor *cur = dst->src[0], *w = dst->src[at_weight];
    const int64_t n_in = w->ne[0], n_groups = n_in / tiled.n_group_inputs;

    const rounded_rows rows{cur->data, row_stride(cur), thread.work, n_groups, int(cur->ne[1])};
    for (int64_t r = 0; r < rows.n_rows; r++) {
        tiled.sum_groups(element_at(cur->data, r * rows.stride, self.kernels_), n_in, thread.work + r * n_groups);
    }
    const size_t panel_bytes = size_t(n_in / tiled.n_inputs) * tiled.block_bytes;
    const row_parts panels{w->ne[1] / n_panel, std::min<int64_t>(w->ne[1] / n_panel, 4 * thread.n_threads)};
    for (;;) {
        const int64_t job = self.jobs_.take(panels.n_parts, thread.n_threads);
        if (job < 0) {
            return;
        }
        for (int64_t i = panels.first(job); i < panels.first(job + 1); i++) {
            tiled.multiply_rounded(static_cast<const char *>(w->data) + size_t(i) * panel_bytes, n_in, rows,
                                   static_cast<float *>(dst->data) + i * n_panel, row_stride(dst));
        }
    }
}

} // namespace bllossom
