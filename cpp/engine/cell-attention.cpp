// Cells are taken as they lie in memory, a block of them with all its heads. The block of one head stays in the first
// level of the cache while the queries of all rows that see it pass by, and a number of it is converted once for the
// heads of a group. Meanwhile the next block is fetched. ggml's flash attention takes one query at a time: for a group
// of three it reads and converts every cell three times, and adds values up in F16.

#include "cell-attention.h"

#include "attention-mask.h"

#include <cfloat>
#include <cmath>
#include <cstring>

namespace bllossom {

static constexpr int64_t n_block      = cell_kernels::block;
static constexpr int64_t n_row_chunk  = 16;  // rows of a job
static constexpr int64_t n_part_cells = 128; // of a part, at least
static constexpr int64_t n_state      = 16;  // floats beside the sum of values: two are used, rows stay aligned
static constexpr int64_t n_together   = 3;   // queries of a row whose scores are there at a time

/** What a query has seen of a part: like in flash attention, a sum with its scale. */
struct seen_part {
    float * values; // [n_embd_head], sum of weight * value
    float & max;    // the largest score
    float & sum;    // of the weights

    /** parts: [n_embd_head + n_state, n_parts, n_head, n_rows] */
    seen_part(const ggml_tensor * parts, int64_t part, int64_t head, int64_t row)
        : values(reinterpret_cast<float *>(static_cast<char *>(parts->data) + size_t(part) * parts->nb[1] +
                                           size_t(head) * parts->nb[2] + size_t(row) * parts->nb[3])),
          max(values[parts->ne[0] - n_state]), sum(values[parts->ne[0] - n_state + 1]) {}
};

/** Some rows, one part of the cells. */
struct cell_attention::job {
    int64_t first_row, last_row; // to before it
    int64_t part;
    int64_t first_block, last_block;
};

/** Turns a difference of scores into a power of two. */
static float score_scale(int64_t n_embd_head) {
    constexpr float log2_e = 1.44269504f;
    return log2_e / std::sqrt(float(n_embd_head));
}

static int64_t count_chunks(int64_t n_rows) {
    return (n_rows + n_row_chunk - 1) / n_row_chunk;
}

/** As many that threads do not wait long for the last one. */
static int64_t count_parts(int64_t n_threads, int64_t n_rows, int64_t n_cells) {
    const int64_t n_chunks = count_chunks(n_rows);
    return std::clamp<int64_t>((4 * n_threads + n_chunks - 1) / n_chunks, 1,
                               std::max<int64_t>(n_cells / n_part_cells, 1));
}

static cell_type_kernels kernels_of(const cell_kernels & kernels, ggml_type type) {
    return type == GGML_TYPE_F32 ? kernels.f32 : type == GGML_TYPE_F16 ? kernels.f16 : kernels.q8_0;
}

ggml_tensor * cell_attention::build(ggml_context * ctx0, ggml_tensor * q, ggml_tensor * k, ggml_tensor * v,
                                    ggml_tensor * mask) {
    const int64_t n_parts = count_parts(n_threads_, q->ne[2], k->ne[1]);
    ggml_tensor * args[]  = {q, k, v, mask};
    ggml_tensor * parts = ggml_custom_4d(ctx0, GGML_TYPE_F32, q->ne[0] + n_state, n_parts, q->ne[1], q->ne[2], args, 4,
                                         compute_parts, GGML_N_TASKS_MAX, this);
    return ggml_custom_4d(ctx0, GGML_TYPE_F32, q->ne[0] * q->ne[1], q->ne[2], 1, 1, &parts, 1, merge_parts,
                          GGML_N_TASKS_MAX, this);
}

static const uint16_t * mask_of(const ggml_tensor * mask, int64_t row, int64_t block) {
    return reinterpret_cast<const uint16_t *>(static_cast<const char *>(mask->data) + size_t(row) * mask->nb[1]) +
           block * n_block;
}

/** Of a head, in a block. Each head fetches a part of the next block. */
static cell_rows cells_of(const ggml_tensor * cells, int64_t head, int64_t block) {
    const char * first  = static_cast<const char *>(cells->data) + size_t(block * n_block) * cells->nb[1];
    const size_t n_head = n_block * cells->nb[2]; // bytes
    const bool is_last  = (block + 1) * n_block == cells->ne[1];
    return {first + size_t(head) * cells->nb[2], cells->nb[1], cells->ne[0],
            first + (is_last ? 0 : n_block * cells->nb[1]) + size_t(head) * n_head};
}

/** Which cells of a block a row sees. */
enum class sight { none, some, all };

static sight look(const uint16_t * mask) {
    uint16_t in_any = 0, in_all = mask_hide; // bits of the cells
    for (int64_t c = 0; c < n_block; c++) {
        in_any |= mask[c];
        in_all &= mask[c];
    }
    return in_any == mask_attend ? sight::all : in_all == mask_hide ? sight::none : sight::some;
}

/** A row and a head of the cells, in a block of them. */
struct cell_attention::place {
    int64_t row, head_kv, block, part;
    sight seen;
};

void cell_attention::see_block(const ggml_tensor * parts, const place & at) const {
    const ggml_tensor *q = parts->src[0], *k = parts->src[1], *v = parts->src[2];
    const cell_type_kernels of_keys = kernels_of(kernels_, k->type), of_values = kernels_of(kernels_, v->type);
    const cell_rows keys = cells_of(k, at.head_kv, at.block), values = cells_of(v, at.head_kv, at.block);
    const uint16_t * mask        = mask_of(parts->src[3], at.row, at.block);
    const int64_t n_group        = q->ne[1] / k->ne[2]; // heads that share keys
    const float scale            = score_scale(q->ne[0]);
    const float no_bias[n_block] = {};

    for (int64_t head = at.head_kv * n_group, n = 0, end = head + n_group; head < end; head += n) {
        n = std::min(n_together, end - head);
        float scores[n_together * n_block], factors[n_together];
        of_keys.score(keys, static_cast<const float *>(q->data) + (at.row * q->ne[1] + head) * q->ne[0], n, scores);
        for (int64_t i = 0; i < n; i++) {
            float * own = scores + i * n_block;
            for (int64_t c = 0; at.seen == sight::some && c < n_block; c++) {
                own[c] = mask[c] == mask_attend ? own[c] : -FLT_MAX;
            }
            const seen_part seen(parts, at.part, head + i, at.row);
            factors[i] = kernels_.weigh(own, no_bias, n_block, scale, seen.max, seen.sum);
        }
        const seen_part first(parts, at.part, head, at.row);
        of_values.add_values(values, scores, factors, n, first.values, int64_t(parts->nb[2] / sizeof(float)));
    }
}

void cell_attention::see(const ggml_tensor * parts, const job & at) const {
    const int64_t n_head = parts->ne[2], n_head_kv = parts->src[1]->ne[2];
    for (int64_t row = at.first_row; row < at.last_row; row++) {
        for (int64_t head = 0; head < n_head; head++) {
            const seen_part seen(parts, at.part, head, row);
            std::memset(seen.values, 0, parts->nb[1]);
            seen.max = -FLT_MAX;
        }
    }
    for (int64_t block = at.first_block; block < at.last_block; block++) {
        sight seen[n_row_chunk];
        for (int64_t row = at.first_row; row < at.last_row; row++) {
            seen[row - at.first_row] = look(mask_of(parts->src[3], row, block));
        }
        for (int64_t head_kv = 0; head_kv < n_head_kv; head_kv++) {
            for (int64_t row = at.first_row; row < at.last_row; row++) {
                if (seen[row - at.first_row] != sight::none) {
                    see_block(parts, {row, head_kv, block, at.part, seen[row - at.first_row]});
                }
            }
        }
    }
}

void cell_attention::compute_parts(ggml_tensor * dst, int, int nth, void * data) {
    cell_attention & self = *static_cast<cell_attention *>(data);
    const int64_t n_rows = dst->ne[3], n_parts = dst->ne[1], n_cells = dst->src[1]->ne[1];
    const row_parts rows{n_rows, count_chunks(n_rows)}, blocks{n_cells / n_block, n_parts};
    for (;;) {
        const int64_t i = self.jobs_.take(rows.n_parts * n_parts, nth);
        if (i < 0) {
            return;
        }
        const int64_t chunk = i / n_parts, part = i % n_parts;
        self.see(dst, {rows.first(chunk), rows.first(chunk + 1), part, blocks.first(part), blocks.first(part + 1)});
    }
}

/** What one query saw of all cells. */
static void merge(const ggml_tensor * parts, int64_t head, int64_t row, float * out) {
    const int64_t n   = parts->ne[0] - n_state;
    const float scale = score_scale(n);
    float max = -FLT_MAX, sum = 0.0f;
    for (int64_t part = 0; part < parts->ne[1]; part++) {
        max = std::max(max, seen_part(parts, part, head, row).max);
    }
    std::fill(out, out + n, 0.0f);
    for (int64_t part = 0; part < parts->ne[1]; part++) {
        const seen_part seen(parts, part, head, row);
        const float weight = std::exp2((seen.max - max) * scale);
        sum += weight * seen.sum;
        for (int64_t i = 0; i < n; i++) {
            out[i] += weight * seen.values[i];
        }
    }
    const float factor = sum == 0.0f ? 0.0f : 1.0f / sum; // NaN stays NaN
    for (int64_t i = 0; i < n; i++) {
        out[i] *= factor;
    }
}

void cell_attention::merge_parts(ggml_tensor * dst, int ith, int nth, void *) {
    const ggml_tensor * parts = dst->src[0];
    const int64_t n_head      = parts->ne[2];
    const row_parts queries{n_head * parts->ne[3], nth};
    for (int64_t i = queries.first(ith); i < queries.first(ith + 1); i++) {
        merge(parts, i % n_head, i / n_head, static_cast<float *>(dst->data) + i * (parts->ne[0] - n_state));
    }
}

} // namespace bllossom
