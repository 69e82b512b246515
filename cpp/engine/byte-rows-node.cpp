// Memory is read once, in its order, for as many rows as stay in the second level of the cache.

#include "byte-rows-node.h"

namespace bllossom {

static constexpr int64_t n_panel = byte_kernels::panel;
static constexpr int64_t n_jobs  = 8; // for each thread: a core that was taken away for a while delays none but itself

ggml_tensor * byte_rows_node::build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * rounded) {
    ggml_tensor * args[] = {cur, rounded, nullptr, nullptr, w};
    static_assert(at_weight == 4, "the place of w in args");
    return ggml_custom_4d(ctx0, GGML_TYPE_F32, w->ne[1], cur->ne[1], 1, 1, args, at_weight + 1, compute,
                          GGML_N_TASKS_MAX, this);
}

void byte_rows_node::compute(ggml_tensor * dst, int, int nth, void * data) {
    byte_rows_node & self      = *static_cast<byte_rows_node *>(data);
    const ggml_tensor *rounded = dst->src[1], *w = dst->src[at_weight];
    const size_t panel_bytes = n_panel * ggml_row_size(w->type, w->ne[0]);
    const int64_t n_rows = rounded->ne[1], n_panels = w->ne[1] / n_panel;
    const row_parts rows{n_rows, (n_rows + byte_kernels::most_rows - 1) / byte_kernels::most_rows};
    const row_parts panels{n_panels, std::min<int64_t>(n_panels, n_jobs * nth)};
    for (;;) {
        const int64_t job = self.jobs_.take(rows.n_parts * panels.n_parts, nth);
        if (job < 0) {
            return;
        }
        const int64_t part = job / panels.n_parts, share = job % panels.n_parts, first = rows.first(part);
        const byte_rows own{static_cast<const char *>(rounded->data) + size_t(first) * rounded->nb[1], rounded->nb[1],
                            rows.first(part + 1) - first};
        float * out = static_cast<float *>(dst->data) + first * row_stride(dst);
        for (int64_t i = panels.first(share); i < panels.first(share + 1); i++) {
            self.multiply_(static_cast<const char *>(w->data) + size_t(i) * panel_bytes, w->ne[0], own,
                           out + i * n_panel, row_stride(dst));
        }
    }
}

} // namespace bllossom
