// A block of outputs at a time: its weights become elements in panels of 16 outputs, as many of their inputs at once as
// the second level of the cache holds, and stay there while all rows pass by; a panel and a few rows are in the first
// level. Every weight is unpacked once, or as often as rows are divided among threads.

#include "linear-node.h"

#include <ggml-backend.h>

namespace bllossom {

static constexpr int64_t chunk_rows = 96; // a multiple of the rows of a tile
static constexpr int64_t n_panel    = block_kernels::panel;

static int64_t sums_stride(const block_kernels & kernels) {
    return kernels.n_block_columns + 16;
}

/** What a thread works with. Panels and rows hold elements. */
struct linear_node::scratch {
    float * panels; // [n_block_columns / 16][n_block_inner][16]
    float * rows;   // [16][n_block_inner], of weights
    float * row;    // [n_block_inner], of floats
    float * sums;   // [chunk_rows][sums_stride], of a result that does not consist of floats

    scratch(const block_kernels & kernels, float * work)
        : panels(work), rows(panels + floats_for(kernels, kernels.n_block_columns * kernels.n_block_inner)),
          row(rows + floats_for(kernels, n_panel * kernels.n_block_inner)), sums(row + kernels.n_block_inner) {}

    static int64_t n_floats(const block_kernels & kernels) {
        return floats_for(kernels, (kernels.n_block_columns + n_panel) * kernels.n_block_inner) +
               kernels.n_block_inner + chunk_rows * sums_stride(kernels);
    }
};

bool linear_node::takes(const block_kernels & kernels, const ggml_tensor * w) {
    const bool is_whole = w->ne[1] % n_panel == 0 && w->ne[0] % kernels.step == 0;
    return is_whole && (ggml_backend_buffer_is_host(w->buffer) || takes_tiled(kernels, w));
}

bool linear_node::takes_tiled(const block_kernels & kernels, const ggml_tensor * w) {
    const tiled_format * tiled = kernels.type == GGML_TYPE_BF16 ? find_tiled_format(w) : nullptr;
    return tiled != nullptr && w->ne[1] % n_panel == 0 && kernels.n_block_inner % tiled->n_inputs == 0;
}

bool linear_node::gives_elements(const block_kernels & kernels, const ggml_tensor * w) {
    return w->ne[0] <= kernels.n_block_inner;
}

int64_t linear_node::n_work(const block_kernels & kernels) {
    return scratch::n_floats(kernels);
}

ggml_tensor * linear_node::build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b,
                                 ggml_tensor * work, ggml_type type) {
    tiled_               = find_tiled_format(w);
    ggml_tensor * args[] = {cur, work, b, nullptr, w};
    const auto rows      = [&](int64_t n) {
        return ggml_custom_4d(ctx0, type, n, cur->ne[1], 1, 1, args, at_weight + 1, compute, GGML_N_TASKS_MAX, this);
    };
    return type == GGML_TYPE_F32 ? rows(w->ne[1]) : with_gap(ctx0, w->ne[1], rows);
}

/** Outputs and rows of one job. */
struct linear_node::block {
    ggml_tensor * dst;
    int64_t first_output, n_outputs;
    int64_t first_row, n_rows;
};

/** n weights of any type become elements. */
void linear_node::unpack(ggml_type type, const char * weights, int64_t n, void * elements, float * floats) const {
    const ggml_to_float_t to_float = ggml_get_type_traits(type)->to_float;
    if (kernels_.type == GGML_TYPE_F32) {
        to_float(weights, static_cast<float *>(elements), n);
    } else if (type == GGML_TYPE_F32) {
        kernels_.round(reinterpret_cast<const float *>(weights), n, elements);
    } else {
        to_float(weights, floats, n);
        kernels_.round(floats, n, elements);
    }
}

/** Weights of n inputs from `first` on, here and below. */
void linear_node::pack_tiles(const block & at, int64_t first, int64_t n, const scratch & s) const {
    const ggml_tensor * w    = at.dst->src[at_weight];
    const int64_t n_blocks   = w->ne[0] / tiled_->n_inputs;
    const int64_t n_skipped  = first / tiled_->n_inputs;
    const char * first_panel = static_cast<const char *>(w->data);
    for (int64_t i = 0; i < at.n_outputs; i += n_panel) {
        const int64_t first_block = (at.first_output + i) / n_panel * n_blocks + n_skipped;
        tiled_->unpack(first_panel + size_t(first_block) * tiled_->block_bytes, n,
                       element_at(s.panels, i * n, kernels_));
    }
}

void linear_node::pack_rows(const block & at, int64_t first, int64_t n, const scratch & s) const {
    const ggml_tensor * w = at.dst->src[at_weight];
    const char * from     = static_cast<const char *>(w->data) + ggml_row_size(w->type, first);
    for (int64_t i = 0; i < at.n_outputs; i += n_panel) {
        const char * rows = from + size_t(at.first_output + i) * w->nb[1];
        void * panel      = element_at(s.panels, i * n, kernels_);
        if (w->type == kernels_.type) {
            kernels_.pack_transposed({rows, w->ne[0], n_panel, n}, panel);
            continue;
        }
        for (int64_t row = 0; row < n_panel; row++) {
            unpack(w->type, rows + size_t(row) * w->nb[1], n, element_at(s.rows, row * n, kernels_), s.row);
        }
        kernels_.pack_transposed({s.rows, n, n_panel, n}, panel);
    }
}

void linear_node::compute(const block & at, const scratch & s) const {
    const ggml_tensor *rows = at.dst->src[0], *b = at.dst->src[2];
    const int64_t n_in     = rows->ne[0];
    const int64_t a_stride = row_stride(rows), out_stride = row_stride(at.dst);
    const bool gives_elements = at.dst->type != GGML_TYPE_F32;
    const int64_t c_stride    = gives_elements ? sums_stride(kernels_) : out_stride;
    const float * bias        = b != nullptr ? static_cast<const float *>(b->data) + at.first_output : nullptr;
    const auto finish         = is_gelu_ ? kernels_.add_gelu : kernels_.add;

    for (int64_t first = 0; first < n_in; first += kernels_.n_block_inner) {
        const int64_t n = std::min(kernels_.n_block_inner, n_in - first);
        tiled_ != nullptr ? pack_tiles(at, first, n, s) : pack_rows(at, first, n, s);
        for (int64_t i = 0; i < at.n_rows; i += chunk_rows) {
            const int64_t row = at.first_row + i, n_rows = std::min(chunk_rows, at.n_rows - i);
            const void * a   = element_at(rows->data, row * a_stride + first, kernels_);
            const int64_t to = row * out_stride + at.first_output; // numbers from the first one of the result
            float * c        = gives_elements ? s.sums : static_cast<float *>(at.dst->data) + to;
            kernels_.multiply({a, a_stride, s.panels, c, c_stride, n_rows, n, at.n_outputs / n_panel, first > 0});
            for (int64_t k = 0; bias != nullptr && first + n == n_in && k < n_rows; k++) {
                finish(c + k * c_stride, bias, at.n_outputs);
            }
            for (int64_t k = 0; gives_elements && k < n_rows; k++) {
                kernels_.round(c + k * c_stride, at.n_outputs, element_at(at.dst->data, to + k * out_stride, kernels_));
            }
        }
    }
}

void linear_node::compute(ggml_tensor * dst, int ith, int nth, void * data) {
    linear_node & self = *static_cast<linear_node *>(data);
    const kernel_thread thread(dst->src[1], ith, nth);
    if (thread.work == nullptr) {
        return;
    }
    const int64_t n_out = dst->src[at_weight]->ne[1], n_block = self.kernels_.n_block_columns;
    const int64_t n_blocks = (n_out + n_block - 1) / n_block;
    const int64_t n_wanted = 4 * thread.n_threads; // jobs, so that no thread waits long for the last ones
    const row_parts rows{dst->ne[1], std::min(dst->ne[1], (n_wanted + n_blocks - 1) / n_blocks)};
    for (;;) {
        const int64_t job = self.jobs_.take(n_blocks * rows.n_parts, thread.n_threads);
        if (job < 0) {
            return;
        }
        const int64_t first_output = job % n_blocks * n_block, part = job / n_blocks;
        self.compute({dst, first_output, std::min(n_block, n_out - first_output), rows.first(part),
                      rows.first(part + 1) - rows.first(part)},
                     scratch(self.kernels_, thread.work));
    }
}

} // namespace bllossom
