// Compiled for AVX-512. What block-kernels-avx2.cpp says about code that not every CPU can run holds here too.

#include "cell-kernels.h"

#if defined(__AVX512F__)

#include "cell-loops.h"
#include "floats-avx512.h"

#include <cstring>

#if defined(__ELF__)
#define KERNEL __attribute__((section("avx512_text")))
#else
#define KERNEL
#endif

namespace bllossom {

namespace {

using f32_cell = float_cell<floats>;

struct f16_cell {
    using vector = floats;

    static INLINE int64_t n_bytes(int64_t n) { return 2 * n; }

    static INLINE floats load(const char * cell, int64_t i) {
        return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(cell + 2 * i)))};
    }
};

/** Blocks of 32 numbers: their scale in F16, then a byte for each. */
struct q8_0_cell {
    using vector = floats;

    static INLINE int64_t n_bytes(int64_t n) { return n / 32 * 34; }

    static INLINE floats load(const char * cell, int64_t i) {
        const char * block = cell + i / 32 * 34;
        uint16_t scale;
        std::memcpy(&scale, block, sizeof(scale));
        const __m512 factor   = _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(scale)));
        const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i *>(block + 2 + i % 32));
        return {_mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen)), factor)};
    }
};

/** The sums of four vectors, side by side. */
INLINE void store_sums(const floats (&x)[4], float * to) {
    const __m512 pairs[] = {_mm512_add_ps(_mm512_unpacklo_ps(x[0].x, x[1].x), _mm512_unpackhi_ps(x[0].x, x[1].x)),
                            _mm512_add_ps(_mm512_unpacklo_ps(x[2].x, x[3].x), _mm512_unpackhi_ps(x[2].x, x[3].x))};
    const __m512 quads =
        _mm512_add_ps(_mm512_shuffle_ps(pairs[0], pairs[1], 0x44), _mm512_shuffle_ps(pairs[0], pairs[1], 0xee));
    const __m256 halves = _mm256_add_ps(_mm512_castps512_ps256(quads), _mm512_extractf32x8_ps(quads, 1));
    _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1)));
}

} // namespace

KERNEL static void score_f32(const cell_rows & keys, const float * q, int64_t n_queries, float * scores) {
    score<f32_cell>(keys, q, n_queries, scores);
}

KERNEL static void add_f32(const cell_rows & values, const float * weights, const float * factors, int64_t n_queries,
                           float * out, int64_t out_stride) {
    add_values<f32_cell>(values, weights, factors, n_queries, out, out_stride);
}

KERNEL static void score_f16(const cell_rows & keys, const float * q, int64_t n_queries, float * scores) {
    score<f16_cell>(keys, q, n_queries, scores);
}

KERNEL static void add_f16(const cell_rows & values, const float * weights, const float * factors, int64_t n_queries,
                           float * out, int64_t out_stride) {
    add_values<f16_cell>(values, weights, factors, n_queries, out, out_stride);
}

KERNEL static void score_q8_0(const cell_rows & keys, const float * q, int64_t n_queries, float * scores) {
    score<q8_0_cell>(keys, q, n_queries, scores);
}

KERNEL static void add_q8_0(const cell_rows & values, const float * weights, const float * factors, int64_t n_queries,
                            float * out, int64_t out_stride) {
    add_values<q8_0_cell>(values, weights, factors, n_queries, out, out_stride);
}

KERNEL static float weigh(float * scores, const float * bias, int64_t n, float scale, float & max, float & sum) {
    return weigh_row<floats, float_element>(scores, bias, n, scale, max, sum);
}

const cell_kernels * avx512_cell_kernels() {
    static constexpr cell_kernels kernels = {
        {score_f32, add_f32},
        {score_f16, add_f16},
        {score_q8_0, add_q8_0},
        weigh,
    };
    return &kernels;
}

} // namespace bllossom

#else

namespace bllossom {

const cell_kernels * avx512_cell_kernels() {
    return nullptr;
}

} // namespace bllossom

#endif
