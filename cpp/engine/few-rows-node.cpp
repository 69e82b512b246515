// Memory is read once, in its order. Rows stay floats: so few numbers for so many weights need not be rounded to be
// fast.

#include "few-rows-node.h"

namespace bllossom {

static constexpr int64_t n_panel      = 16;      // outputs
static constexpr int64_t most_inputs  = 1 << 15; // whose sums fit on a stack
static constexpr int64_t least_inputs = 16;      // of a group

bool few_rows_node::takes(const ggml_tensor * w, int64_t n_rows) {
    return n_rows <= few_rows::most && w->ne[0] <= most_inputs && find_tiled_format(w) != nullptr;
}

ggml_tensor * few_rows_node::build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur) {
    tiled_               = find_tiled_format(w);
    ggml_tensor * args[] = {cur, nullptr, nullptr, nullptr, w};
    static_assert(at_weight == 4, "the place of w in args");
    return ggml_custom_4d(ctx0, GGML_TYPE_F32, w->ne[1], cur->ne[1], 1, 1, args, at_weight + 1, compute,
                          GGML_N_TASKS_MAX, this);
}

/** The inputs of each group, added up. */
static void sum_groups(const float * x, int64_t n, int64_t n_group, float * sums) {
    for (int64_t i = 0; i < n; i += n_group) {
        float parts[8] = {}; // which the compiler adds up side by side
        for (int64_t k = 0; k < n_group; k++) {
            parts[k % 8] += x[i + k];
        }
        sums[i / n_group] =
            ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
    }
}

void few_rows_node::compute(ggml_tensor * dst, int, int nth, void * data) {
    few_rows_node & self       = *static_cast<few_rows_node *>(data);
    const tiled_format & tiled = *self.tiled_;
    const ggml_tensor *cur = dst->src[0], *w = dst->src[at_weight];
    const int64_t n_in = w->ne[0], n_groups = n_in / tiled.n_group_inputs;

    float sums[few_rows::most * most_inputs / least_inputs];
    const few_rows rows{static_cast<const float *>(cur->data), row_stride(cur), sums, n_groups, int(cur->ne[1])};
    for (int64_t r = 0; r < rows.n_rows; r++) {
        sum_groups(rows.x + r * rows.stride, n_in, tiled.n_group_inputs, sums + r * n_groups);
    }
    const size_t panel_bytes = size_t(n_in / tiled.n_inputs) * tiled.block_bytes;
    const row_parts panels{w->ne[1] / n_panel, std::min<int64_t>(w->ne[1] / n_panel, 4 * nth)};
    for (;;) {
        const int64_t job = self.jobs_.take(panels.n_parts, nth);
        if (job < 0) {
            return;
        }
        for (int64_t i = panels.first(job); i < panels.first(job + 1); i++) {
            tiled.multiply(static_cast<const char *>(w->data) + size_t(i) * panel_bytes, n_in, rows,
                           static_cast<float *>(dst->data) + i * n_panel, row_stride(dst));
        }
    }
}

} // namespace bllossom
