// The attention to the cells of a cache against the definition. A CPU for which there are no kernels has nothing to
// show.

#include "attention-mask.h"
#include "cell-attention.h"
#include "check.h"
#include "support/computation.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace bllossom;

namespace {

struct attention_case {
    ggml_type type;
    int64_t n; // numbers of a head
    int64_t n_head;
    int64_t n_head_kv;
    int64_t n_cells;
    int64_t n_rows;
};

/** Runs of seen and hidden cells; a row now and then sees none, or all. */
std::vector<uint16_t> random_masks(int64_t n_cells, int64_t n_rows) {
    std::vector<uint16_t> masks(size_t(n_cells * n_rows), mask_hide);
    for (int64_t row = 0; row < n_rows; row++) {
        uint16_t * mask = masks.data() + row * n_cells;
        if (row % 5 == 1) {
            continue;
        }
        if (row % 5 == 2) {
            std::fill(mask, mask + n_cells, mask_attend);
        }
        for (int64_t c = random_number() % 100; c < n_cells;) {
            const int64_t end = std::min<int64_t>(c + 1 + random_number() % 150, n_cells);
            std::fill(mask + c, mask + end, mask_attend);
            c = end + random_number() % 300;
        }
    }
    return masks;
}

/** In double. q: [n_rows][n_head][n]; k, v: [n_cells][n_head_kv][n] */
std::vector<float> by_definition(const attention_case & c, const std::vector<float> & q, const std::vector<float> & k,
                                 const std::vector<float> & v, const std::vector<uint16_t> & masks) {
    std::vector<float> out(q.size(), 0.0f);
    const int64_t n_group = c.n_head / c.n_head_kv;
    for (int64_t row = 0; row < c.n_rows; row++) {
        for (int64_t head = 0; head < c.n_head; head++) {
            const float * query = q.data() + (row * c.n_head + head) * c.n;
            double total        = 0;
            std::vector<double> sums(size_t(c.n), 0.0);
            for (int64_t cell = 0; cell < c.n_cells; cell++) {
                if (masks[size_t(row * c.n_cells + cell)] == mask_hide) {
                    continue;
                }
                const int64_t at = (cell * c.n_head_kv + head / n_group) * c.n;
                double score     = 0;
                for (int64_t i = 0; i < c.n; i++) {
                    score += double(query[i]) * double(k[size_t(at + i)]);
                }
                const double weight = std::exp(score / std::sqrt(double(c.n)));
                total += weight;
                for (int64_t i = 0; i < c.n; i++) {
                    sums[size_t(i)] += weight * double(v[size_t(at + i)]);
                }
            }
            for (int64_t i = 0; i < c.n && total > 0; i++) {
                out[size_t((row * c.n_head + head) * c.n + i)] = float(sums[size_t(i)] / total);
            }
        }
    }
    return out;
}

ggml_tensor * heads(ggml_context * ctx, const attention_case & c, ggml_tensor * cells) {
    return ggml_view_3d(ctx, cells, c.n, c.n_cells, c.n_head_kv, cells->nb[1], ggml_row_size(c.type, c.n), 0);
}

double difference(const cell_kernels & kernels, const attention_case & c, int32_t n_threads) {
    const backend_set backends("cpu", n_threads);
    computation graph(backends);
    ggml_context * ctx = graph.ctx();
    const auto masks   = random_masks(c.n_cells, c.n_rows);
    ggml_tensor * rows = graph.input(GGML_TYPE_F32, c.n * c.n_head, c.n_rows);
    ggml_tensor * k    = graph.input(c.type, c.n * c.n_head_kv, c.n_cells);
    ggml_tensor * v    = graph.input(c.type, c.n * c.n_head_kv, c.n_cells);
    ggml_tensor * mask = graph.input(masks, c.n_cells, c.n_rows);
    ggml_tensor * q    = ggml_reshape_3d(ctx, ggml_scale(ctx, rows, 4.0f), c.n, c.n_head, c.n_rows);
    cell_attention node(kernels, n_threads);

    const auto floats = [&](ggml_tensor * t) { return ggml_cast(ctx, t, GGML_TYPE_F32); };
    const auto results =
        graph.run({node.build(ctx, q, heads(ctx, c, k), heads(ctx, c, v), mask), q, floats(k), floats(v)});
    return largest_difference(results[0], by_definition(c, results[1], results[2], results[3], masks));
}

void attention_is_the_definition(const cell_kernels & kernels) {
    for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_Q8_0}) {
        double most = 0;
        for (const int64_t n_group : {1, 2, 3, 4, 5, 8}) {
            for (const int64_t n_rows : {1, 7, 40}) {
                for (const int32_t n_threads : {1, 3}) {
                    const int64_t n = 32 * (1 + n_group % 4);
                    most = std::max(most, difference(kernels, {type, n, 2 * n_group, 2, 2304, n_rows}, n_threads));
                }
            }
        }
        printf("%s: largest difference %.2g\n", ggml_type_name(type), most);
        CHECK(most < 3e-6);
    }
}

/** One block, and so one part however many threads there are. */
void attention_to_few_cells(const cell_kernels & kernels) {
    for (const int64_t n_rows : {1, 2, 3, 17}) {
        CHECK(difference(kernels, {GGML_TYPE_F16, 64, 3, 1, 64, n_rows}, 3) < 3e-6);
    }
}

/** A row gets the same numbers, bit by bit, whoever sits beside it. */
void rows_do_not_touch_each_other(const cell_kernels & kernels) {
    const backend_set backends("cpu", 2);
    computation graph(backends);
    ggml_context * ctx    = graph.ctx();
    const int64_t n_cells = 512, n_rows = 19, n = 64, n_head = 6;
    ggml_tensor * rows = graph.input(GGML_TYPE_F32, n * n_head, n_rows);
    ggml_tensor * k    = graph.input(GGML_TYPE_F16, n * 2, n_cells);
    ggml_tensor * v    = graph.input(GGML_TYPE_F16, n * 2, n_cells);
    const auto masks   = random_masks(n_cells, n_rows);
    const attention_case c{GGML_TYPE_F16, n, n_head, 2, n_cells, n_rows};
    cell_attention all(kernels, 2), alone(kernels, 2);
    const int64_t row      = 13;
    ggml_tensor * q        = ggml_reshape_3d(ctx, rows, n, n_head, n_rows);
    ggml_tensor * one_q    = ggml_view_3d(ctx, q, n, n_head, 1, q->nb[1], q->nb[2], size_t(row) * q->nb[2]);
    ggml_tensor * mask     = graph.input(masks, n_cells, n_rows);
    ggml_tensor * one_mask = graph.input(
        std::vector<uint16_t>(masks.begin() + row * n_cells, masks.begin() + (row + 1) * n_cells), n_cells, 1);
    const auto results = graph.run({all.build(ctx, q, heads(ctx, c, k), heads(ctx, c, v), mask),
                                    alone.build(ctx, one_q, heads(ctx, c, k), heads(ctx, c, v), one_mask)});
    CHECK(std::equal(results[1].begin(), results[1].end(), results[0].begin() + row * n * n_head));
}

/** One number that is none reaches the rows that see its cell, and no other. */
void what_is_no_number_stays_none(const cell_kernels & kernels) {
    constexpr int64_t n_cells = 128, n = 32;
    std::vector<uint16_t> masks(2 * n_cells, mask_attend), keys(size_t(n * n_cells), 0x3c00);
    std::fill(masks.begin(), masks.begin() + 64, mask_hide);
    keys[size_t(10 * n + 3)] = 0x7e00; // NaN
    const backend_set backends("cpu", 2);
    computation graph(backends);
    ggml_context * ctx = graph.ctx();
    const attention_case c{GGML_TYPE_F16, n, 1, 1, n_cells, 2};
    ggml_tensor * q    = ggml_reshape_3d(ctx, graph.input(GGML_TYPE_F32, n, 2), n, 1, 2);
    ggml_tensor * k    = graph.input(keys, n, n_cells);
    ggml_tensor * v    = graph.input(GGML_TYPE_F16, n, n_cells);
    ggml_tensor * mask = graph.input(masks, n_cells, 2);
    cell_attention node(kernels, 2);
    const auto results = graph.run({node.build(ctx, q, heads(ctx, c, k), heads(ctx, c, v), mask)});
    for (size_t i = 0; i < size_t(n); i++) {
        CHECK(std::isfinite(results[0][i]));
        CHECK(std::isnan(results[0][size_t(n) + i]));
    }
}

} // namespace

int main() {
    const backend_set backends("cpu", 1);
    const cell_kernels * best = find_cell_kernels(backends.cpu());
    int n_checked             = 0;
    // What a CPU with AVX-512 has can run those for AVX2 too.
    for (const cell_kernels * kernels :
         {best != nullptr && best == avx512_cell_kernels() ? avx2_cell_kernels() : nullptr, best}) {
        if (kernels != nullptr) {
            attention_is_the_definition(*kernels);
            attention_to_few_cells(*kernels);
            rows_do_not_touch_each_other(*kernels);
            what_is_no_number_stays_none(*kernels);
            n_checked++;
        }
    }
    printf("%d kinds of kernels for this CPU\n", n_checked);
    return check::summary();
}
