// A head and a part of the queries at a time. Keys and values of a block are packed once and stay in the second level
// of the cache while the queries pass by, a few at a time; what these have seen so far is kept as a sum with its scale,
// as flash attention does. The sums lie in the result.

#include "attention-node.h"

#include <cfloat>
#include <cmath>
#include <cstring>

namespace bllossom {

static constexpr int64_t n_block_keys = 256;
static constexpr int64_t n_queries    = 48; // at a time; a multiple of the rows of a tile
static constexpr int64_t n_panel      = block_kernels::panel;

/** One head: its columns of every row. */
struct attention_node::head {
    const float *q, *k, *v;
    float * out;
    int64_t n;      // numbers of a row
    int64_t stride; // floats from row to row
};

/** What a thread works with. */
struct attention_node::scratch {
    float * keys;   // panels [n_block_keys / 16][n][16]
    float * values; // [n_block_keys][n]
    float * bias;   // [n_block_keys], of the scores
    float * scores; // [n_queries][n_block_keys]
    float * max;    // [n_rows]: the largest score of a query so far
    float * sum;    // [n_rows]: of its weights

    scratch(float * work, int64_t n_embd_head, int64_t n_rows)
        : keys(work), values(keys + n_block_keys * n_embd_head), bias(values + n_block_keys * n_embd_head),
          scores(bias + n_block_keys), max(scores + n_queries * n_block_keys), sum(max + n_rows) {}
};

int64_t attention_node::n_work(int64_t n_embd_head, const vision_rows & rows) {
    return n_block_keys * (2 * n_embd_head + 1 + n_queries) + 2 * rows.n_rows();
}

ggml_tensor * attention_node::build(ggml_context * ctx0, ggml_tensor * q, ggml_tensor * k, ggml_tensor * v,
                                    ggml_tensor * work, int64_t n_head) {
    n_head_              = n_head;
    ggml_tensor * args[] = {q, k, v, work};
    return ggml_custom_4d(ctx0, GGML_TYPE_F32, q->ne[0], q->ne[1], 1, 1, args, 4, compute, GGML_N_TASKS_MAX, this);
}

/** n keys with their values, from `first` on. */
void attention_node::take_keys(const head & h, const scratch & s, int64_t first, int64_t n) const {
    const int64_t n_padded = (n + n_panel - 1) / n_panel * n_panel;
    const int64_t n_packed = (n + 7) / 8 * 8; // there are as many: n_rows is a multiple of 8
    if (n_packed < n_padded) {
        std::memset(s.keys + (n_padded - n_panel) * h.n, 0, size_t(n_panel * h.n) * sizeof(float));
    }
    kernels_.pack(h.k + first * h.stride, h.stride, n_packed, h.n, s.keys);
    for (int64_t i = 0; i < n; i++) {
        std::memcpy(s.values + i * h.n, h.v + (first + i) * h.stride, size_t(h.n) * sizeof(float));
    }
    const int64_t padding_tile = rows_.n_real_rows(), padding_end = padding_tile + rows_.n_padding_tile_rows();
    for (int64_t i = 0; i < n_padded; i++) {
        const bool is_repeated = first + i >= padding_tile && first + i < padding_end;
        s.bias[i]              = is_repeated ? std::log2(float(rows_.n_alike)) : 0.0f;
    }
}

/** Queries from `first` to before `last` attend to the first n_keys keys. */
void attention_node::attend(const head & h, const scratch & s, int64_t first, int64_t last, int64_t n_keys) const {
    constexpr float log2_e = 1.44269504f;
    const float factor     = log2_e / std::sqrt(float(h.n));
    std::fill(s.max + first, s.max + last, -FLT_MAX);
    std::fill(s.sum + first, s.sum + last, 0.0f);
    for (int64_t key = 0; first < last && key < n_keys; key += n_block_keys) {
        const int64_t n        = std::min(n_block_keys, n_keys - key);
        const int64_t n_padded = (n + n_panel - 1) / n_panel * n_panel;
        take_keys(h, s, key, n);
        for (int64_t query = first; query < last; query += n_queries) {
            const int64_t n_rows = std::min(n_queries, last - query);
            float * out          = h.out + query * h.stride;
            kernels_.multiply({h.q + query * h.stride, h.stride, s.keys, n_panel, n_panel * h.n, s.scores, n_block_keys,
                               n_rows, h.n, n_padded / n_panel, false});
            for (int64_t i = 0; i < n_rows; i++) {
                float * scores = s.scores + i * n_block_keys;
                std::fill(scores + n, scores + n_padded, -FLT_MAX); // no keys
                const float before =
                    kernels_.weigh(scores, s.bias, n_padded, factor, s.max[query + i], s.sum[query + i]);
                if (key > 0 && before != 1.0f) {
                    kernels_.scale(out + i * h.stride, h.n, before);
                }
            }
            kernels_.multiply(
                {s.scores, n_block_keys, s.values, h.n, n_panel, out, h.stride, n_rows, n, h.n / n_panel, key > 0});
        }
    }
    for (int64_t query = first; query < last; query++) {
        kernels_.scale(h.out + query * h.stride, h.n, 1.0f / s.sum[query]);
    }
}

void attention_node::compute(ggml_tensor * dst, int ith, int nth, void * data) {
    attention_node & self = *static_cast<attention_node *>(data);
    const kernel_thread thread(dst->src[3], ith, nth);
    if (thread.work == nullptr) {
        return;
    }
    const int64_t n_head = self.n_head_, n_embd = dst->ne[0], n = n_embd / n_head, n_real = self.rows_.n_real_rows();
    const scratch s(thread.work, n, dst->ne[1]);
    const int64_t n_wanted = 4 * thread.n_threads; // jobs, so that no thread waits long for the last ones
    const row_parts rows{dst->ne[1], (n_wanted + n_head - 1) / n_head};
    const auto column = [&](const ggml_tensor * tensor, int64_t i) {
        return static_cast<float *>(tensor->data) + i * n;
    };
    for (;;) {
        const int64_t job = self.jobs_.take(n_head * rows.n_parts, thread.n_threads);
        if (job < 0) {
            return;
        }
        const int64_t i = job % n_head, first = rows.first(job / n_head), last = rows.first(job / n_head + 1);
        const head h{column(dst->src[0], i), column(dst->src[1], i), column(dst->src[2], i), column(dst, i), n, n_embd};
        self.attend(h, s, std::min(first, n_real), std::min(last, n_real), dst->ne[1]);
        self.attend(h, s, std::max(first, n_real), std::max(last, n_real), n_real);
    }
}

} // namespace bllossom
