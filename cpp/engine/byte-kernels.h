#pragma once
// Products of weights with rows that are rounded to bytes, written for one level of CPUs each. Weights stay as ggml's
// CPU backend has them: Q4_K as it rearranges it for AVX2, Q6_K row after row.

#include <cstddef>
#include <cstdint>

#include <ggml.h>

struct ggml_backend;

namespace bllossom {

/** Rows in Q8_K. */
struct byte_rows {
    const char * first;
    size_t stride; // bytes from row to row
    int64_t n;     // 1 … byte_kernels::most_rows
};

/**
 * Eight outputs, for each row; of all n_in inputs. What a row gives does not depend on the others, to the last bit.
 * out: [n_rows][8]
 */
using byte_product = void (*)(const char * panel, int64_t n_in, const byte_rows & rows, float * out,
                              int64_t out_stride);

struct byte_kernels {
    static constexpr int64_t panel     = 8;   // outputs whose weights lie together
    static constexpr int64_t block     = 256; // inputs that have a scale in common
    static constexpr int64_t most_rows = 64;  // that stay in the second level of the cache while panels pass by

    /** n floats, a multiple of block, become Q8_K. Where a block holds NaN or infinity, its scale is NaN. */
    void (*round)(const float * from, int64_t n, void * to);

    byte_product multiply_q4_k, multiply_q6_k;
};

/** For the level that this CPU backend was compiled for; null when there are none. */
const byte_kernels * find_byte_kernels(ggml_backend * cpu);

/** What multiplies with a weight; null for one that lies elsewhere or has another type or shape. */
byte_product find_byte_product(const byte_kernels & kernels, const ggml_tensor * w);

/** For x86-64 with AVX2, FMA and F16C; null where the compiler has no such target. */
const byte_kernels * avx2_byte_kernels();

/** For x86-64 with AVX-512 (F, BW, DQ, VL) and VNNI; null where the compiler has no such target. */
const byte_kernels * avx512_byte_kernels();

} // namespace bllossom
