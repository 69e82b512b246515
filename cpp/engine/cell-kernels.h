#pragma once
// Arithmetic between a few queries and the cells of a cache, written for one level of CPUs each.

#include <cstddef>
#include <cstdint>

struct ggml_backend;

namespace bllossom {

/** Keys or values of one head. */
struct cell_rows {
    const char * first;
    size_t stride;      // bytes from cell to cell
    int64_t n;          // numbers of each; a multiple of cell_kernels::n_multiple
    const char * ahead; // memory that is wanted soon, as much as is read here
};

/** Of cells that hold one type of numbers. */
struct cell_type_kernels {
    /** scores[i][c] = q_i * key_c. q: [n_queries][n], scores: [n_queries][block] */
    void (*score)(const cell_rows & keys, const float * q, int64_t n_queries, float * scores);

    /** out_i = out_i * factors[i] + sum of weights[i][c] * value_c. weights: [n_queries][block] */
    void (*add_values)(const cell_rows & values, const float * weights, const float * factors, int64_t n_queries,
                       float * out, int64_t out_stride);
};

struct cell_kernels {
    static constexpr int64_t block      = 64; // cells that are taken at a time
    static constexpr int64_t n_multiple = 32;

    cell_type_kernels f32, f16, q8_0;

    /** block_kernels::weigh, of floats. */
    float (*weigh)(float * scores, const float * bias, int64_t n, float scale, float & max, float & sum);
};

/** For the level that this CPU backend was compiled for; null when there are none. */
const cell_kernels * find_cell_kernels(ggml_backend * cpu);

/** For x86-64 with AVX2, FMA and F16C; null where the compiler has no such target. */
const cell_kernels * avx2_cell_kernels();

/** For x86-64 with AVX-512 (F, BW, DQ, VL); null where the compiler has no such target. */
const cell_kernels * avx512_cell_kernels();

} // namespace bllossom
