#pragma once
// Sixteen floats: the vectors of row-kernels.h for a file that is compiled for AVX-512. They are the including file's
// own, like everything there (block-kernels-avx2.cpp says why).

#include "row-kernels.h"

#include <immintrin.h>

namespace bllossom {

namespace {

/** See row-kernels.h. */
struct floats {
    static constexpr int n = 16;

    __m512 x;

    static INLINE floats load(const float * from) { return {_mm512_loadu_ps(from)}; }
    static INLINE floats all(float x) { return {_mm512_set1_ps(x)}; }

    INLINE void store(float * to) const { _mm512_storeu_ps(to, x); }

    INLINE float largest() const { return _mm512_reduce_max_ps(x); }
    INLINE float sum() const { return _mm512_reduce_add_ps(x); }
};

INLINE floats operator+(floats a, floats b) {
    return {_mm512_add_ps(a.x, b.x)};
}

INLINE floats operator-(floats a, floats b) {
    return {_mm512_sub_ps(a.x, b.x)};
}

INLINE floats operator*(floats a, floats b) {
    return {_mm512_mul_ps(a.x, b.x)};
}

INLINE floats operator/(floats a, floats b) {
    return {_mm512_div_ps(a.x, b.x)};
}

INLINE floats fma(floats a, floats b, floats c) {
    return {_mm512_fmadd_ps(a.x, b.x, c.x)};
}

INLINE floats larger(floats a, floats b) {
    return {_mm512_max_ps(a.x, b.x)};
}

INLINE floats magnitude(floats a) {
    return {_mm512_abs_ps(a.x)};
}

INLINE floats nearest(floats a) {
    return {_mm512_roundscale_ps(a.x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

INLINE floats raise(floats a, floats n) {
    return {_mm512_scalef_ps(a.x, n.x)};
}

} // namespace

} // namespace bllossom
