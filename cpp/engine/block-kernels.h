#pragma once
// Arithmetic on blocks of floats, written for one level of CPUs each.

#include <cstdint>

struct ggml_backend;

namespace bllossom {

/** Rows of b are 16 floats wide and packed: row k of panel p begins at b + p * b_panel + k * b_stride. */
struct block_product {
    const float * a;  // [n_rows][n_inner]
    int64_t a_stride; // floats from row to row
    const float * b;  // [n_panels][n_inner][16]
    int64_t b_stride;
    int64_t b_panel;
    float * c; // [n_rows][16 * n_panels]
    int64_t c_stride;
    int64_t n_rows;
    int64_t n_inner;
    int64_t n_panels;
    bool is_added; // to what is in c
};

struct block_kernels {
    static constexpr int64_t panel = 16; // columns

    /** c = a * b, or c += a * b. */
    void (*multiply)(const block_product & p);

    /** a[n_rows][n_inner] -> panels [n_rows / 16][n_inner][16]; n_rows: a multiple of 8, of which half a panel is left.
     */
    void (*pack)(const float * a, int64_t a_stride, int64_t n_rows, int64_t n_inner, float * panels);

    /**
     * A part of a softmax: scores become 2^((score - max) * scale + bias), where max is the largest score so far, and
     * sum grows by them. Returns what earlier sums of this row have to be multiplied with. n: a multiple of 16; scale:
     * above 0; bias: below 100
     */
    float (*weigh)(float * scores, const float * bias, int64_t n, float scale, float & max, float & sum);

    /** row *= factor; n: a multiple of 16. */
    void (*scale)(float * row, int64_t n, float factor);

    /** row += bias; n: a multiple of 16. */
    void (*add)(float * row, const float * bias, int64_t n);

    /** row = gelu(row + bias), the exact one (erf); n: a multiple of 16. */
    void (*add_gelu)(float * row, const float * bias, int64_t n);
};

/** Those for the level that this CPU backend was compiled for; null when there are none. */
const block_kernels * find_block_kernels(ggml_backend * cpu);

/** For x86-64 with AVX2 and FMA; null where the compiler has no such target. */
const block_kernels * avx2_kernels();

} // namespace bllossom
