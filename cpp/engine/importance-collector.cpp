#include "importance-collector.h"

#include "error.h"
#include "kernel-node.h"

#include <algorithm>

namespace bllossom {

static constexpr int64_t staging_elements = 1 << 18; // at least; one row always fits

/** The weight whose rows this node multiplies with; null when there is none. */
static const ggml_tensor * multiplied_weight(const ggml_tensor * node) {
    const ggml_tensor * left = node->op == GGML_OP_MUL_MAT ? node->src[0] : weight_of(node);
    if (left == nullptr) {
        return nullptr;
    }
    const ggml_tensor * weight = left->view_src != nullptr ? left->view_src : left;
    const bool is_weight =
        weight->buffer != nullptr && ggml_backend_buffer_get_usage(weight->buffer) == GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
    return is_weight && left->ne[0] == weight->ne[0] ? weight : nullptr;
}

/** What a product of either kind takes beside its weight. */
static const ggml_tensor * inputs_of(const ggml_tensor * product) {
    return product->src[product->op == GGML_OP_MUL_MAT ? 1 : 0];
}

void importance_collector::watch(ggml_cgraph * gf, row_filter counts) {
    counts_ = std::move(counts);
    weights_.clear();
    int64_t n_staging = staging_elements;
    for (int i = 0; i < ggml_graph_n_nodes(gf); i++) {
        const ggml_tensor * node   = ggml_graph_node(gf, i);
        const ggml_tensor * weight = multiplied_weight(node);
        if (weight == nullptr) {
            continue;
        }
        const ggml_tensor * inputs = inputs_of(node);
        const bool is_known        = inputs->type == GGML_TYPE_F32 || inputs->type == GGML_TYPE_BF16; // block-kernels.h
        if (!is_known || inputs->ne[2] * inputs->ne[3] != 1) {
            throw error(error_code::internal, format("the inputs of %s are not rows of numbers", weight->name));
        }
        weights_.emplace(node, weight);
        sums_.weights[weight->name].squares.resize(size_t(weight->ne[0]));
        n_staging = std::max(n_staging, weight->ne[0]);
    }
    rounded_.resize(size_t(n_staging));
    staging_.resize(size_t(n_staging)); // here, since nothing may be thrown while a graph runs
}

bool importance_collector::on_node(ggml_tensor * node, bool ask, void * collector) {
    auto & self      = *static_cast<importance_collector *>(collector);
    const auto found = self.weights_.find(node);
    if (!ask && found != self.weights_.end()) {
        self.add_inputs(found->second, inputs_of(node));
    }
    return !ask || found != self.weights_.end();
}

/** n rows from `first` on, to staging_. */
void importance_collector::read_rows(const ggml_tensor * inputs, int64_t first, int64_t n) {
    const int64_t n_columns = inputs->ne[0];
    const size_t n_bytes    = ggml_row_size(inputs->type, n_columns);
    const bool is_rounded   = inputs->type == GGML_TYPE_BF16;
    char * to = is_rounded ? reinterpret_cast<char *>(rounded_.data()) : reinterpret_cast<char *>(staging_.data());
    ggml_backend_tensor_get_2d(inputs, to, size_t(first) * inputs->nb[1], n_bytes, size_t(n), inputs->nb[1], n_bytes);
    if (is_rounded) {
        ggml_bf16_to_fp32_row(rounded_.data(), staging_.data(), n * n_columns);
    }
}

void importance_collector::add_inputs(const ggml_tensor * weight, const ggml_tensor * inputs) {
    const int64_t n_columns = weight->ne[0];
    const int64_t n_rows    = ggml_nrows(inputs);
    const int64_t n_block   = int64_t(staging_.size()) / n_columns;
    input_sums & sums       = sums_.weights.find(weight->name)->second;
    for (int64_t first = 0; first < n_rows; first += n_block) {
        const int64_t n = std::min(n_block, n_rows - first);
        read_rows(inputs, first, n);
        for (int64_t i = 0; i < n; i++) {
            if (!counts_(weight, first + i)) {
                continue;
            }
            const float * row = staging_.data() + i * n_columns;
            double * squares  = sums.squares.data();
            for (int64_t column = 0; column < n_columns; column++) {
                squares[column] += double(row[column]) * double(row[column]);
            }
            sums.n_rows++;
        }
    }
}

} // namespace bllossom
