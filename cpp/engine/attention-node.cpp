// A head and a part of the queries at a time. Keys and values of the head are packed once. A chunk of queries and what
// they have seen so far, as a sum with its scale like in flash attention, stay in the second level of the cache while
// blocks of keys pass by; scores are there for a few queries and one block.

#include "attention-node.h"

#include <cfloat>
#include <cmath>
#include <cstring>

namespace bllossom {

static constexpr int64_t n_key_step = 32; // keys are filled up to a multiple: their scores are rows for kernels
static constexpr int64_t n_queries  = 48; // at a time; a multiple of the rows of a tile
static constexpr int64_t n_panel    = block_kernels::panel;

static int64_t n_chunk_queries(const block_kernels & kernels) {
    return kernels.n_block_keys / 4 * 3;
}

/** Floats from the scores of a query to the next: no power of two, or rows would share few sets of the cache. */
static int64_t scores_stride(const block_kernels & kernels) {
    return kernels.n_block_keys + 16;
}

static int64_t with_filling(int64_t n_keys) {
    return (n_keys + n_key_step - 1) / n_key_step * n_key_step;
}

/** One head: its columns of every row. */
struct attention_node::head {
    const void *q, *k, *v;
    void * out;
    int64_t n;                  // elements of a row
    int64_t stride, out_stride; // from row to row
};

/** What a thread works with. Keys, values and queries hold elements. */
struct attention_node::scratch {
    float * keys;    // block after block: panels [n_block_keys / 16][n][16]
    float * values;  // block after block: panels [n / 16][n_block_keys][16]
    float * bias;    // [n_keys], of the scores
    float * queries; // [chunk][n]
    float * out;     // [chunk][n]
    float * max;     // [chunk]: the largest score of a query so far
    float * sum;     // [chunk]: of its weights
    float * scores;  // [n_queries][stride], then the weights that they become

    /** n: numbers of a head, filled up. */
    scratch(const block_kernels & kernels, float * work, int64_t n, int64_t n_keys)
        : keys(work), values(keys + floats_for(kernels, with_filling(n_keys) * n)),
          bias(values + floats_for(kernels, with_filling(n_keys) * n)), queries(bias + with_filling(n_keys)),
          out(queries + floats_for(kernels, n_chunk_queries(kernels) * n)), max(out + n_chunk_queries(kernels) * n),
          sum(max + n_chunk_queries(kernels)), scores(sum + n_chunk_queries(kernels)) {}

    static int64_t n_floats(const block_kernels & kernels, int64_t n, int64_t n_keys) {
        return floats_for(kernels, (2 * with_filling(n_keys) + n_chunk_queries(kernels)) * n) + with_filling(n_keys) +
               n_chunk_queries(kernels) * (n + 2) + n_queries * scores_stride(kernels);
    }
};

/** Queries that attend to the first n_keys keys. */
struct attention_node::query_range {
    int64_t first, last; // to before it
    int64_t n_keys;
};

int64_t attention_node::n_work(const block_kernels & kernels, int64_t n_embd_head, const vision_rows & rows) {
    return scratch::n_floats(kernels, padded(kernels, n_embd_head), rows.n_rows());
}

ggml_tensor * attention_node::build(ggml_context * ctx0, ggml_tensor * q, ggml_tensor * k, ggml_tensor * v,
                                    ggml_tensor * work, int64_t n_head) {
    GGML_ASSERT(q->nb[1] == k->nb[1] && q->nb[1] == v->nb[1]);
    n_head_              = n_head;
    ggml_tensor * args[] = {q, k, v, work};
    return with_gap(ctx0, q->ne[0], [&](int64_t n) {
        return ggml_custom_4d(ctx0, kernels_.type, n, q->ne[1], 1, 1, args, 4, compute, GGML_N_TASKS_MAX, this);
    });
}

/** All keys and values of a head, n_rows. */
void attention_node::pack_keys(const head & h, const scratch & s, int64_t n_rows) const {
    const int64_t n_inner = padded(kernels_, h.n);
    for (int64_t key = 0; key < n_rows; key += kernels_.n_block_keys) {
        const int64_t n     = std::min(kernels_.n_block_keys, n_rows - key); // a multiple of 8: half a panel
        const int64_t whole = n / n_panel * n_panel, n_missing = with_filling(n) - whole;
        void * panels = element_at(s.keys, key * n_inner, kernels_);
        std::memset(element_at(s.keys, (key + whole) * n_inner, kernels_), 0,
                    size_t(n_missing * n_inner) * ggml_type_size(kernels_.type));
        kernels_.pack_transposed({element_at(h.k, key * h.stride, kernels_), h.stride, n, h.n}, panels);
        kernels_.pack_panels({element_at(h.v, key * h.stride, kernels_), h.stride, n, h.n},
                             element_at(s.values, key * n_inner, kernels_));
    }
    const int64_t padding_tile = rows_.n_real_rows(), padding_end = padding_tile + rows_.n_padding_tile_rows();
    std::fill(s.bias, s.bias + with_filling(n_rows), 0.0f);
    std::fill(s.bias + padding_tile, s.bias + padding_end, std::log2(float(rows_.n_alike)));
}

/** n queries from `first` on, filled up. */
void attention_node::take_queries(const head & h, const scratch & s, int64_t first, int64_t n) const {
    const int64_t n_inner = padded(kernels_, h.n);
    const size_t n_bytes  = size_t(h.n) * ggml_type_size(kernels_.type),
                 all      = size_t(n_inner) * ggml_type_size(kernels_.type);
    for (int64_t i = 0; i < n; i++) {
        char * to = static_cast<char *>(element_at(s.queries, i * n_inner, kernels_));
        std::memcpy(to, element_at(h.q, (first + i) * h.stride, kernels_), n_bytes);
        std::memset(to + n_bytes, 0, all - n_bytes);
    }
}

/** n_rows queries from `first` on in the chunk see n keys from `key` on, of n_there in the block. */
void attention_node::see(const head & h, const scratch & s, int64_t first, int64_t n_rows, int64_t key, int64_t n,
                         int64_t n_there) const {
    constexpr float log2_e  = 1.44269504f;
    const float factor      = log2_e / std::sqrt(float(h.n));
    const int64_t n_inner   = padded(kernels_, h.n);
    const int64_t n_stride  = scores_stride(kernels_);
    const int64_t n_filled  = with_filling(n_there);
    const int64_t per_float = int64_t(sizeof(float) / ggml_type_size(kernels_.type)); // elements
    float * out             = s.out + first * h.n;
    kernels_.multiply({element_at(s.queries, first * n_inner, kernels_), n_inner,
                       element_at(s.keys, key * n_inner, kernels_), s.scores, n_stride, n_rows, n_inner,
                       n_filled / n_panel, false});
    for (int64_t i = 0; i < n_rows; i++) {
        float * scores = s.scores + i * n_stride;
        std::fill(scores + n, scores + n_filled, -FLT_MAX); // not seen
        const float before = kernels_.weigh(scores, s.bias + key, n_filled, factor, s.max[first + i], s.sum[first + i]);
        if (key > 0 && before != 1.0f) {
            kernels_.scale(out + i * h.n, h.n, before);
        }
    }
    kernels_.multiply({s.scores, n_stride * per_float, element_at(s.values, key * n_inner, kernels_), out, h.n, n_rows,
                       padded(kernels_, n_there), h.n / n_panel, key > 0});
}

void attention_node::attend(const head & h, const scratch & s, const query_range & range, int64_t n_rows) const {
    const int64_t n_chunk_most = n_chunk_queries(kernels_);
    for (int64_t query = range.first; query < range.last; query += n_chunk_most) {
        const int64_t n_chunk = std::min(n_chunk_most, range.last - query);
        take_queries(h, s, query, n_chunk);
        std::fill(s.max, s.max + n_chunk, -FLT_MAX);
        std::fill(s.sum, s.sum + n_chunk, 0.0f);
        for (int64_t key = 0; key < range.n_keys; key += kernels_.n_block_keys) {
            const int64_t n_there = std::min(kernels_.n_block_keys, n_rows - key),
                          n       = std::min(n_there, range.n_keys - key);
            for (int64_t i = 0; i < n_chunk; i += n_queries) {
                see(h, s, i, std::min(n_queries, n_chunk - i), key, n, n_there);
            }
        }
        for (int64_t i = 0; i < n_chunk; i++) {
            float * out = s.out + i * h.n;
            kernels_.scale(out, h.n, 1.0f / s.sum[i]);
            kernels_.round(out, h.n, element_at(h.out, (query + i) * h.out_stride, kernels_));
        }
    }
}

void attention_node::compute(ggml_tensor * dst, int ith, int nth, void * data) {
    attention_node & self = *static_cast<attention_node *>(data);
    const kernel_thread thread(dst->src[3], ith, nth);
    if (thread.work == nullptr) {
        return;
    }
    const int64_t n_head = self.n_head_, n = dst->src[0]->ne[0] / n_head, n_real = self.rows_.n_real_rows();
    const scratch s(self.kernels_, thread.work, padded(self.kernels_, n), dst->ne[1]);
    const int64_t n_wanted = 4 * thread.n_threads; // jobs, so that no thread waits long for the last ones
    const row_parts rows{dst->ne[1], (n_wanted + n_head - 1) / n_head};
    const auto column = [&](const ggml_tensor * tensor, int64_t i) {
        return element_at(tensor->data, i * n, self.kernels_);
    };
    for (;;) {
        const int64_t job = self.jobs_.take(n_head * rows.n_parts, thread.n_threads);
        if (job < 0) {
            return;
        }
        const int64_t i = job % n_head, first = rows.first(job / n_head), last = rows.first(job / n_head + 1);
        const head h{column(dst->src[0], i),  column(dst->src[1], i), column(dst->src[2], i), column(dst, i), n,
                     row_stride(dst->src[0]), row_stride(dst)};
        self.pack_keys(h, s, dst->ne[1]);
        self.attend(h, s, {std::min(first, n_real), std::min(last, n_real), dst->ne[1]}, dst->ne[1]);
        self.attend(h, s, {std::max(first, n_real), std::max(last, n_real), n_real}, dst->ne[1]);
    }
}

} // namespace bllossom
