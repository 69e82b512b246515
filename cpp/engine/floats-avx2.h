#pragma once
// Eight floats: the vectors of row-kernels.h for a file that is compiled for AVX2 and FMA. They are the including
// file's own, like everything there (block-kernels-avx2.cpp says why).

#include "row-kernels.h"

#include <immintrin.h>

namespace bllossom {

namespace {

/** See row-kernels.h. */
struct floats {
    static constexpr int n = 8;

    __m256 x;

    static INLINE floats load(const float * from) { return {_mm256_loadu_ps(from)}; }
    static INLINE floats all(float x) { return {_mm256_set1_ps(x)}; }

    INLINE void store(float * to) const { _mm256_storeu_ps(to, x); }

    INLINE float largest() const {
        __m128 m = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
        m        = _mm_max_ps(m, _mm_movehl_ps(m, m));
        return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
    }

    INLINE float sum() const {
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
        s        = _mm_add_ps(s, _mm_movehl_ps(s, s));
        return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }
};

INLINE floats operator+(floats a, floats b) {
    return {_mm256_add_ps(a.x, b.x)};
}

INLINE floats operator-(floats a, floats b) {
    return {_mm256_sub_ps(a.x, b.x)};
}

INLINE floats operator*(floats a, floats b) {
    return {_mm256_mul_ps(a.x, b.x)};
}

INLINE floats operator/(floats a, floats b) {
    return {_mm256_div_ps(a.x, b.x)};
}

INLINE floats fma(floats a, floats b, floats c) {
    return {_mm256_fmadd_ps(a.x, b.x, c.x)};
}

INLINE floats larger(floats a, floats b) {
    return {_mm256_max_ps(a.x, b.x)};
}

INLINE floats magnitude(floats a) {
    return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.x)};
}

INLINE floats nearest(floats a) {
    return {_mm256_round_ps(a.x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

INLINE floats raise(floats a, floats n) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n.x), 23);
    return {_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a.x), exponent))};
}

} // namespace

} // namespace bllossom
