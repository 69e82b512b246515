// Compiled for AVX2, FMA and F16C. What block-kernels-avx2.cpp says about code that not every CPU can run holds here
// too.
//
// A number of a cell is converted once for up to three queries, so that one query after the other reads memory and not
// the converter: the three heads of a group, or two of four.

#include "cell-kernels.h"

#if defined(__AVX2__)

#include "floats-avx2.h"

#include <cstring>

#if defined(__ELF__)
#define KERNEL __attribute__((section("avx2_text")))
#else
#define KERNEL
#endif

namespace bllossom {

namespace {

constexpr int n_together = 3; // queries; with four cells, or four vectors of a value, twelve sums of sixteen registers

struct f32_cell {
    static INLINE int64_t n_bytes(int64_t n) { return 4 * n; }

    static INLINE floats load(const char * cell, int64_t i) {
        return floats::load(reinterpret_cast<const float *>(cell) + i);
    }
};

struct f16_cell {
    static INLINE int64_t n_bytes(int64_t n) { return 2 * n; }

    static INLINE floats load(const char * cell, int64_t i) {
        return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(cell + 2 * i)))};
    }
};

/** Blocks of 32 numbers: their scale in F16, then a byte for each. */
struct q8_0_cell {
    static INLINE int64_t n_bytes(int64_t n) { return n / 32 * 34; }

    static INLINE floats load(const char * cell, int64_t i) {
        const char * block = cell + i / 32 * 34;
        uint16_t scale;
        std::memcpy(&scale, block, sizeof(scale));
        const __m256 factor  = _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(scale)));
        const __m128i eight  = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(block + 2 + i % 32));
        const __m256 numbers = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight));
        return {_mm256_mul_ps(numbers, factor)};
    }
};

/** Cells of a head lie apart, so that the CPU does not foresee what is read next. */
INLINE void fetch(const char * from, int64_t n_bytes) {
    for (int64_t i = 0; i < n_bytes; i += 64) {
        _mm_prefetch(from + i, _MM_HINT_T1);
    }
}

/** The sums of four vectors, side by side. */
INLINE void store_sums(const floats (&x)[4], float * to) {
    const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(x[0].x, x[1].x), _mm256_hadd_ps(x[2].x, x[3].x));
    _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1)));
}

template <class cell, int n_queries>
INLINE void score_queries(const cell_rows & keys, const float * q, float * scores) {
    for (int64_t c = 0; c < cell_kernels::block; c += 4) {
        const char * key = keys.first + size_t(c) * keys.stride;
        fetch(keys.ahead + c * cell::n_bytes(keys.n), 4 * cell::n_bytes(keys.n));
        floats sums[n_queries][4];
        for (int i = 0; i < n_queries; i++) {
            for (floats & sum : sums[i]) {
                sum = floats::all(0.0f);
            }
        }
        for (int64_t k = 0; k < keys.n; k += floats::n) {
            floats query[n_queries];
            for (int i = 0; i < n_queries; i++) {
                query[i] = floats::load(q + i * keys.n + k);
            }
            for (int j = 0; j < 4; j++) {
                const floats numbers = cell::load(key + size_t(j) * keys.stride, k);
                for (int i = 0; i < n_queries; i++) {
                    sums[i][j] = fma(numbers, query[i], sums[i][j]);
                }
            }
        }
        for (int i = 0; i < n_queries; i++) {
            store_sums(sums[i], scores + i * cell_kernels::block + c);
        }
    }
}

template <class cell, int n_queries>
INLINE void add_values_of_queries(const cell_rows & values, const float * weights, const float * factors, float * out,
                                  int64_t out_stride) {
    for (int64_t k = 0; k < values.n; k += 4 * floats::n) {
        floats sums[n_queries][4];
        for (int i = 0; i < n_queries; i++) {
            for (int j = 0; j < 4; j++) {
                sums[i][j] = floats::load(out + i * out_stride + k + j * floats::n) * floats::all(factors[i]);
            }
        }
        const char * ahead = values.ahead + cell::n_bytes(k) * cell_kernels::block;
        for (int64_t c = 0; c < cell_kernels::block; c++) {
            const char * value = values.first + size_t(c) * values.stride;
            fetch(ahead + c * cell::n_bytes(4 * floats::n), cell::n_bytes(4 * floats::n));
            floats weight[n_queries];
            for (int i = 0; i < n_queries; i++) {
                weight[i] = floats::all(weights[i * cell_kernels::block + c]);
            }
            for (int j = 0; j < 4; j++) {
                const floats numbers = cell::load(value, k + j * floats::n);
                for (int i = 0; i < n_queries; i++) {
                    sums[i][j] = fma(numbers, weight[i], sums[i][j]);
                }
            }
        }
        for (int i = 0; i < n_queries; i++) {
            for (int j = 0; j < 4; j++) {
                sums[i][j].store(out + i * out_stride + k + j * floats::n);
            }
        }
    }
}

/** How many of n queries are taken together next: four are two and two. */
INLINE int64_t share(int64_t n) {
    return n == 4 ? 2 : n < n_together ? n : n_together;
}

template <class cell> INLINE void score(const cell_rows & keys, const float * q, int64_t n_queries, float * scores) {
    for (int64_t i = 0, n = 0; i < n_queries; i += n) {
        n                     = share(n_queries - i);
        const float * queries = q + i * keys.n;
        float * to            = scores + i * cell_kernels::block;
        if (n == 3) {
            score_queries<cell, 3>(keys, queries, to);
        } else if (n == 2) {
            score_queries<cell, 2>(keys, queries, to);
        } else {
            score_queries<cell, 1>(keys, queries, to);
        }
    }
}

template <class cell>
INLINE void add_values(const cell_rows & values, const float * weights, const float * factors, int64_t n_queries,
                       float * out, int64_t out_stride) {
    for (int64_t i = 0, n = 0; i < n_queries; i += n) {
        n                    = share(n_queries - i);
        const float * shares = weights + i * cell_kernels::block;
        float * to           = out + i * out_stride;
        if (n == 3) {
            add_values_of_queries<cell, 3>(values, shares, factors + i, to, out_stride);
        } else if (n == 2) {
            add_values_of_queries<cell, 2>(values, shares, factors + i, to, out_stride);
        } else {
            add_values_of_queries<cell, 1>(values, shares, factors + i, to, out_stride);
        }
    }
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

const cell_kernels * avx2_cell_kernels() {
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

const cell_kernels * avx2_cell_kernels() {
    return nullptr;
}

} // namespace bllossom

#endif
