// Compiled for AVX2 and FMA, so nothing in here may run before the CPU was asked (block-kernels.cpp), and nothing may
// be shared with files that are compiled for less: no header with inline functions of its own, no template that is not
// static. The code lies in a section of its own, by which scripts/prebuild/check.mjs knows that it may use AVX.

#include "block-kernels.h"

#if defined(__AVX2__)

#include <cfloat>
#include <immintrin.h>

#if defined(__ELF__)
#define KERNEL __attribute__((section("avx2_text")))
#else
#define KERNEL
#endif
#if defined(_MSC_VER)
#define INLINE __forceinline
#else
#define INLINE inline __attribute__((always_inline))
#endif

namespace bllossom {

/** A tile of n_rows x 16 sums in registers: 12 of 16 for six rows, so that the two units for FMA never wait. */
template <int n_rows>
static INLINE void multiply_tile(const block_product & p, const float * a, const float * b, float * c) {
    __m256 sums[n_rows][2];
    for (int i = 0; i < n_rows; i++) {
        sums[i][0] = sums[i][1] = _mm256_setzero_ps();
        _mm_prefetch(reinterpret_cast<const char *>(c + i * p.c_stride), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char *>(c + i * p.c_stride + 15), _MM_HINT_T0);
    }
    // Two pointers and one distance reach six rows without further arithmetic.
    const int64_t a_stride = p.a_stride, b_stride = p.b_stride;
    const float * lower = a + 3 * a_stride;
    for (const float * end = a + p.n_inner; a < end; a++, lower++, b += b_stride) {
        const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
        for (int i = 0; i < n_rows; i++) {
            const __m256 factor = _mm256_broadcast_ss(i < 3 ? a + i * a_stride : lower + (i - 3) * a_stride);
            sums[i][0]          = _mm256_fmadd_ps(factor, b0, sums[i][0]);
            sums[i][1]          = _mm256_fmadd_ps(factor, b1, sums[i][1]);
        }
    }
    const bool is_added = p.is_added;
    for (int i = 0; i < n_rows; i++) {
        for (int half = 0; half < 2; half++) {
            float * to       = c + i * p.c_stride + 8 * half;
            const __m256 sum = sums[i][half];
            _mm256_storeu_ps(to, is_added ? _mm256_add_ps(_mm256_loadu_ps(to), sum) : sum);
        }
    }
}

template <int n_rows> static INLINE void multiply_rows(const block_product & p, int64_t row) {
    // With each panel a share of the six rows after these is fetched, with which the next round begins.
    constexpr int64_t line  = 16; // floats
    const int64_t n_share   = (p.n_inner + line * p.n_panels - 1) / (line * p.n_panels) * line;
    const int64_t row_after = row + 12 <= p.n_rows ? row + 12 : p.n_rows;
    for (int64_t i = 0; i < p.n_panels; i++) {
        const int64_t end = (i + 1) * n_share < p.n_inner ? (i + 1) * n_share : p.n_inner;
        for (int64_t r = row + 6; r < row_after; r++) {
            for (int64_t k = i * n_share; k < end; k += line) {
                _mm_prefetch(reinterpret_cast<const char *>(p.a + r * p.a_stride + k), _MM_HINT_T0);
            }
        }
        multiply_tile<n_rows>(p, p.a + row * p.a_stride, p.b + i * p.b_panel, p.c + row * p.c_stride + 16 * i);
    }
}

KERNEL static void multiply(const block_product & p) {
    int64_t row = 0;
    for (; row + 6 <= p.n_rows; row += 6) {
        multiply_rows<6>(p, row);
    }
    switch (p.n_rows - row) {
    case 5:
        return multiply_rows<5>(p, row);
    case 4:
        return multiply_rows<4>(p, row);
    case 3:
        return multiply_rows<3>(p, row);
    case 2:
        return multiply_rows<2>(p, row);
    case 1:
        return multiply_rows<1>(p, row);
    default:
        return;
    }
}

/** 8 x 8 floats, rows become columns. */
static INLINE void transpose(const float * from, int64_t stride, float * to) {
    __m256 rows[8], pairs[8], quads[8];
    for (int i = 0; i < 8; i++) {
        rows[i] = _mm256_loadu_ps(from + i * stride);
    }
    for (int i = 0; i < 8; i += 2) {
        pairs[i]     = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        quads[i]     = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
        quads[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
        quads[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
        quads[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + i * 16, _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * 16, _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31));
    }
}

KERNEL static void pack(const float * a, int64_t a_stride, int64_t n_rows, int64_t n_inner, float * panels) {
    for (int64_t row = 0; row < n_rows; row += 8) { // half a panel
        const float * from = a + row * a_stride;
        float * to         = panels + row / 16 * 16 * n_inner + row % 16;
        int64_t k          = 0;
        for (; k + 8 <= n_inner; k += 8) {
            transpose(from + k, a_stride, to + 16 * k);
        }
        for (; k < n_inner; k++) {
            for (int i = 0; i < 8; i++) {
                to[16 * k + i] = from[i * a_stride + k];
            }
        }
    }
}

/** 2^x for x below 127, within two units of the last place; below -125 what it is there. */
static INLINE __m256 exp2_of(__m256 x) {
    // x = n + r: 2^r as a Chebyshev fit of degree 6, off by less than 2e-9, its exponent raised by n
    constexpr float fit[] = {1.34004282e-3f, 9.61805668e-3f, 5.55032723e-2f, 0.240226509f, 0.693147207f, 1.0f};
    x                     = _mm256_max_ps(_mm256_set1_ps(-125.0f), x); // in this order NaN stays NaN
    const __m256 n        = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256 r        = _mm256_sub_ps(x, n);
    __m256 sum            = _mm256_set1_ps(1.54614447e-4f);
    for (const float factor : fit) {
        sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(factor));
    }
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), exponent));
}

static INLINE float largest_of(__m256 x) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    m        = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

static INLINE float sum_of(__m256 x) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s        = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

KERNEL static float weigh(float * scores, const float * bias, int64_t n, float scale, float & max, float & sum) {
    __m256 most[2] = {_mm256_set1_ps(max), _mm256_set1_ps(max)};
    for (int64_t i = 0; i < n; i += 16) {
        most[0] = _mm256_max_ps(most[0], _mm256_loadu_ps(scores + i));
        most[1] = _mm256_max_ps(most[1], _mm256_loadu_ps(scores + i + 8));
    }
    const float before = max;
    max                = largest_of(_mm256_max_ps(most[0], most[1]));

    const __m256 top = _mm256_set1_ps(max), factor = _mm256_set1_ps(scale);
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int64_t i = 0; i < n; i += 16) {
        for (int half = 0; half < 2; half++) {
            float * at     = scores + i + 8 * half;
            const __m256 x = _mm256_sub_ps(_mm256_loadu_ps(at), top);
            const __m256 s = exp2_of(_mm256_fmadd_ps(x, factor, _mm256_loadu_ps(bias + i + 8 * half)));
            sums[half]     = _mm256_add_ps(sums[half], s);
            _mm256_storeu_ps(at, s);
        }
    }
    const float ratio = _mm256_cvtss_f32(exp2_of(_mm256_set1_ps((before - max) * scale)));
    sum               = sum * ratio + sum_of(_mm256_add_ps(sums[0], sums[1]));
    return ratio;
}

KERNEL static void scale(float * row, int64_t n, float factor) {
    for (int64_t i = 0; i < n; i += 8) {
        _mm256_storeu_ps(row + i, _mm256_mul_ps(_mm256_loadu_ps(row + i), _mm256_set1_ps(factor)));
    }
}

KERNEL static void add(float * row, const float * bias, int64_t n) {
    for (int64_t i = 0; i < n; i += 8) {
        _mm256_storeu_ps(row + i, _mm256_add_ps(_mm256_loadu_ps(row + i), _mm256_loadu_ps(bias + i)));
    }
}

/** x * (1 + erf(x / sqrt(2))) / 2, absolutely within 2e-7 of the larger of |x| and 1. */
static INLINE __m256 gelu(__m256 x) {
    constexpr float fit[] = {-0.455178488f, 0.819300486f, -0.541903830f, 0.536459747f,
                             0.0790746677f, 0.253930649f, 0.222144532f,  1.91511714e-4f};
    // erfc(z) = exp(-z^2) * P(1 / (1 + 0.4 z)) for z >= 0; P: a Chebyshev fit of degree 8, off by less than 1e-8
    const __m256 z = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); // |x|, sqrt(2) times z
    const __m256 t =
        _mm256_div_ps(_mm256_set1_ps(1.0f), _mm256_fmadd_ps(z, _mm256_set1_ps(0.282842712f), _mm256_set1_ps(1.0f)));
    __m256 p = _mm256_set1_ps(0.0859807295f);
    for (const float factor : fit) {
        p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(factor));
    }
    constexpr float half_log2_e = 0.721347520f;

    const __m256 e    = exp2_of(_mm256_mul_ps(_mm256_mul_ps(z, z), _mm256_set1_ps(-half_log2_e)));
    const __m256 tail = _mm256_mul_ps(_mm256_mul_ps(z, _mm256_set1_ps(0.5f)), _mm256_mul_ps(e, p)); // |x| erfc(z) / 2
    return _mm256_sub_ps(_mm256_max_ps(x, _mm256_setzero_ps()), tail);
}

KERNEL static void add_gelu(float * row, const float * bias, int64_t n) {
    for (int64_t i = 0; i < n; i += 8) {
        _mm256_storeu_ps(row + i, gelu(_mm256_add_ps(_mm256_loadu_ps(row + i), _mm256_loadu_ps(bias + i))));
    }
}

const block_kernels * avx2_kernels() {
    static constexpr block_kernels kernels = {multiply, pack, weigh, scale, add, add_gelu};
    return &kernels;
}

} // namespace bllossom

#else

namespace bllossom {

const block_kernels * avx2_kernels() {
    return nullptr;
}

} // namespace bllossom

#endif
