// A block of outputs at a time: its weights become floats in panels of 16 outputs, 256 of their inputs at once, and
// stay in the second level of the cache while all rows pass by; a panel and six rows are in the first level. Every
// weight is turned into floats once, or as often as rows are divided among threads.

#include "linear-node.h"

#include <ggml-backend.h>

namespace bllossom {

static constexpr int64_t block_outputs = 256;
static constexpr int64_t block_inputs  = 256; // a multiple of every type's block
static constexpr int64_t chunk_rows    = 96;  // a multiple of the rows of a tile
static constexpr int64_t n_panel       = block_kernels::panel;

bool linear_node::takes(const ggml_tensor * w) {
    return w->ne[1] % n_panel == 0 && ggml_backend_buffer_is_host(w->buffer);
}

int64_t linear_node::n_work() {
    return (block_outputs + n_panel) * block_inputs;
}

ggml_tensor * linear_node::build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b,
                                 ggml_tensor * work) {
    ggml_tensor * args[] = {w, cur, work, b};
    return ggml_custom_4d(ctx0, GGML_TYPE_F32, w->ne[1], cur->ne[1], 1, 1, args, b != nullptr ? 4 : 3, compute,
                          GGML_N_TASKS_MAX, this);
}

/** Outputs and rows of one job. */
struct linear_node::block {
    const ggml_tensor * dst;
    int64_t first_output, n_outputs;
    int64_t first_row, n_rows;
};

/** Weights of n_outputs from first_output on, for n inputs from `first` on, as panels. */
static void pack_weights(const block_kernels & kernels, const ggml_tensor * w, int64_t first_output, int64_t n_outputs,
                         int64_t first, int64_t n, float * panels, float * floats) {
    const ggml_to_float_t to_float = ggml_get_type_traits(w->type)->to_float;
    const char * from              = static_cast<const char *>(w->data) + ggml_row_size(w->type, first);
    for (int64_t i = 0; i < n_outputs; i += n_panel) {
        const char * rows = from + size_t(first_output + i) * w->nb[1];
        if (w->type == GGML_TYPE_F32) {
            kernels.pack(reinterpret_cast<const float *>(rows), w->ne[0], n_panel, n, panels + i * n);
            continue;
        }
        for (int64_t row = 0; row < n_panel; row++) {
            to_float(rows + size_t(row) * w->nb[1], floats + row * n, n);
        }
        kernels.pack(floats, n, n_panel, n, panels + i * n);
    }
}

void linear_node::compute(const block & at, float * work) const {
    const ggml_tensor * w = at.dst->src[0];
    const ggml_tensor * b = at.dst->src[3];
    const int64_t n_in = w->ne[0], n_out = w->ne[1];

    const float * rows = static_cast<const float *>(at.dst->src[1]->data) + at.first_row * n_in;
    float * out        = static_cast<float *>(at.dst->data) + at.first_row * n_out + at.first_output;
    const float * bias = b != nullptr ? static_cast<const float *>(b->data) + at.first_output : nullptr;
    const auto finish  = is_gelu_ ? kernels_.add_gelu : kernels_.add;
    for (int64_t first = 0; first < n_in; first += block_inputs) {
        const int64_t n = std::min(block_inputs, n_in - first);
        pack_weights(kernels_, w, at.first_output, at.n_outputs, first, n, work, work + block_outputs * block_inputs);
        for (int64_t row = 0; row < at.n_rows; row += chunk_rows) {
            const int64_t end = std::min(row + chunk_rows, at.n_rows);
            kernels_.multiply({rows + row * n_in + first, n_in, work, n_panel, n_panel * n, out + row * n_out, n_out,
                               end - row, n, at.n_outputs / n_panel, first > 0});
            for (int64_t i = row; bias != nullptr && first + n == n_in && i < end; i++) {
                finish(out + i * n_out, bias, at.n_outputs);
            }
        }
    }
}

void linear_node::compute(ggml_tensor * dst, int ith, int nth, void * data) {
    linear_node & self = *static_cast<linear_node *>(data);
    const kernel_thread thread(dst->src[2], ith, nth);
    if (thread.work == nullptr) {
        return;
    }
    const int64_t n_out = dst->ne[0], n_blocks = (n_out + block_outputs - 1) / block_outputs;
    const int64_t n_wanted = 4 * thread.n_threads; // jobs, so that no thread waits long for the last ones
    const row_parts rows{dst->ne[1], std::min(dst->ne[1], (n_wanted + n_blocks - 1) / n_blocks)};
    for (;;) {
        const int64_t job = self.jobs_.take(n_blocks * rows.n_parts, thread.n_threads);
        if (job < 0) {
            return;
        }
        const int64_t first_output = job % n_blocks * block_outputs, part = job / n_blocks;
        self.compute({dst, first_output, std::min(block_outputs, n_out - first_output), rows.first(part),
                      rows.first(part + 1) - rows.first(part)},
                     thread.work);
    }
}

} // namespace bllossom
