#pragma once
// Arithmetic on blocks of numbers, written for one level of CPUs each.

#include <cstdint>

#include <ggml.h>

struct ggml_backend;

namespace bllossom {

/** c = a * b, or c += a * b. a and b hold elements of the kernels' type, c floats; strides count elements. */
struct block_product {
    const void * a; // [n_rows][n_inner]
    int64_t a_stride;
    const void * b; // [n_panels][n_inner][16], packed
    float * c;      // [n_rows][16 * n_panels]
    int64_t c_stride;
    int64_t n_rows;
    int64_t n_inner; // a multiple of the kernels' step
    int64_t n_panels;
    bool is_added;
};

/** Elements that become the b operand of a product. */
struct block_packing {
    const void * from;
    int64_t stride; // elements from row to row
    int64_t n_rows;
    int64_t n_columns;
};

struct block_kernels {
    static constexpr int64_t panel = 16; // columns

    ggml_type type;          // of what is multiplied: F32, or BF16, to which numbers are rounded; sums are floats
    int64_t step;            // n_inner is a multiple of it; packing fills up with zeros
    int64_t n_block_inner;   // of a block of b that the second level of the cache holds; a multiple of 256 weights
    int64_t n_block_columns; // of that block; a multiple of panel
    int64_t n_block_keys;    // of an attention, whose elements lie there beside queries and scores; a multiple of 64

    void (*multiply)(const block_product & p);

    /** Floats become elements. n: a multiple of 16 */
    void (*round)(const float * from, int64_t n, void * to);

    /** b operand of which a row is a column; n_rows: a multiple of 8, of which half a panel is left as it is. */
    void (*pack_transposed)(const block_packing & p, void * panels);

    /** b operand; n_columns: a multiple of 16; rows are filled up to a multiple of step. */
    void (*pack_panels)(const block_packing & p, void * panels);

    /**
     * A part of a softmax: scores become 2^((score - max) * scale + bias), where max is the largest score so far, and
     * sum grows by them. They are elements then, from the place of the first score on. Returns what earlier sums of
     * this row have to be multiplied with. n: a multiple of 16; scale: above 0; bias: below 100
     */
    float (*weigh)(float * scores, const float * bias, int64_t n, float scale, float & max, float & sum);

    /** row *= factor; n: a multiple of 16. */
    void (*scale)(float * row, int64_t n, float factor);

    /** row += bias; n: a multiple of 16. */
    void (*add)(float * row, const float * bias, int64_t n);

    /** row = gelu(row + bias), the exact one (erf); n: a multiple of 16. */
    void (*add_gelu)(float * row, const float * bias, int64_t n);
};

/** Those that compute with floats, for the level that this CPU backend was compiled for; null when there are none. */
const block_kernels * find_block_kernels(ggml_backend * cpu);

/** Those that round to BF16, for a CPU that has instructions for it; null on any other. */
const block_kernels * find_rounding_kernels(ggml_backend * cpu);

/** For x86-64 with AVX2 and FMA; null where the compiler has no such target. */
const block_kernels * avx2_kernels();

/** For x86-64 with AVX-512 (F, BW, DQ, VL); null where the compiler has no such target. */
const block_kernels * avx512_kernels();

/** For x86-64 with AVX-512 and BF16 in it; null where the compiler has no such target. */
const block_kernels * avx512_bf16_kernels();

/** For x86-64 with AMX-BF16 and AVX-512 on Linux; null where the compiler has no such target. */
const block_kernels * amx_kernels();

} // namespace bllossom
