#pragma once
// What is computed row by row, written once for vectors of any width and elements of any type. Both types are the
// including file's own: they name no function that another file could be linked to, and that would run instructions a
// CPU lacks.
//
//   floats::n                                  lanes, a divisor of 32
//   floats::load(from), floats::all(x)
//   a + b, a - b, a * b, a / b, fma(a, b, c)   a * b + c
//   larger(a, b)                               b where either is NaN
//   magnitude(a), nearest(a), raise(a, n)      |a|; to a whole number; a * 2^n, n: whole and above -126
//   .store(to), .largest(), .sum()             the latter of all lanes
//
//   element::weight_fit                        like exp2_fit, as exact as an element
//   element::store(x, row, i)                  x as the elements from i on of a row of them

#include <cstdint>

#if defined(_MSC_VER)
#define INLINE __forceinline
#else
#define INLINE inline __attribute__((always_inline))
#endif

namespace bllossom {

/** 2^r for |r| <= 1/2, as a Chebyshev fit of degree 6 that is off by less than 2e-9; highest power first. */
static constexpr float exp2_fit[] = {
    1.54614447e-4f, 1.34004282e-3f, 9.61805668e-3f, 5.55032723e-2f, 0.240226509f, 0.693147207f, 1.0f};

/**
 * 2^x for x below 127, within two units of the last place or as near as the fit is; below -100 what it is there, so
 * that products with it are still normal numbers: others take a hundred times as long.
 */
template <class floats, int n_terms> static INLINE floats exp2_of(floats x, const float (&fit)[n_terms]) {
    x              = larger(floats::all(-100.0f), x); // in this order NaN stays NaN
    const floats n = nearest(x);
    const floats r = x - n;
    floats sum     = floats::all(fit[0]);
    for (int i = 1; i < n_terms; i++) {
        sum = fma(sum, r, floats::all(fit[i]));
    }
    return raise(sum, n);
}

namespace {

/** An element that is a float itself. */
struct float_element {
    static constexpr auto & weight_fit = exp2_fit;

    template <class floats> static INLINE void store(floats x, float * row, int64_t i) { x.store(row + i); }
};

} // namespace

/** block_kernels::weigh */
template <class floats, class element>
static INLINE float weigh_row(float * scores, const float * bias, int64_t n, float scale, float & max, float & sum) {
    constexpr int n_vectors = 32 / floats::n;
    floats most[n_vectors], sums[n_vectors];
    for (int k = 0; k < n_vectors; k++) {
        most[k] = floats::all(max);
        sums[k] = floats::all(0.0f);
    }
    for (int64_t i = 0; i < n; i += 32) {
        for (int k = 0; k < n_vectors; k++) {
            most[k] = larger(most[k], floats::load(scores + i + k * floats::n));
        }
    }
    const float before = max;
    for (int k = 1; k < n_vectors; k++) {
        most[0] = larger(most[0], most[k]);
    }
    max = most[0].largest();

    const floats top = floats::all(max), factor = floats::all(scale);
    for (int64_t i = 0; i < n; i += 32) {
        for (int k = 0; k < n_vectors; k++) {
            const int64_t at = i + k * floats::n;
            const floats s =
                exp2_of(fma(floats::load(scores + at) - top, factor, floats::load(bias + at)), element::weight_fit);
            sums[k] = sums[k] + s;
            element::store(s, scores, at); // elements are no wider than floats: what is to be read is not reached
        }
    }
    for (int k = 1; k < n_vectors; k++) {
        sums[0] = sums[0] + sums[k];
    }
    float ratio[floats::n];
    exp2_of(floats::all((before - max) * scale), exp2_fit).store(ratio);
    sum = sum * ratio[0] + sums[0].sum();
    return ratio[0];
}

/** block_kernels::scale */
template <class floats> static INLINE void scale_row(float * row, int64_t n, float factor) {
    for (int64_t i = 0; i < n; i += floats::n) {
        (floats::load(row + i) * floats::all(factor)).store(row + i);
    }
}

/** block_kernels::add */
template <class floats> static INLINE void add_to_row(float * row, const float * bias, int64_t n) {
    for (int64_t i = 0; i < n; i += floats::n) {
        (floats::load(row + i) + floats::load(bias + i)).store(row + i);
    }
}

/** x * (1 + erf(x / sqrt(2))) / 2, absolutely within 2e-7 of the larger of |x| and 1. */
template <class floats> static INLINE floats gelu(floats x) {
    constexpr float fit[] = {-0.455178488f, 0.819300486f, -0.541903830f, 0.536459747f,
                             0.0790746677f, 0.253930649f, 0.222144532f,  1.91511714e-4f};
    // erfc(z) = exp(-z^2) * P(1 / (1 + 0.4 z)) for z >= 0; P: a Chebyshev fit of degree 8, off by less than 1e-8
    const floats one = floats::all(1.0f);
    const floats z   = magnitude(x); // sqrt(2) times z
    const floats t   = one / fma(z, floats::all(0.282842712f), one);
    floats p         = floats::all(0.0859807295f);
    for (const float factor : fit) {
        p = fma(p, t, floats::all(factor));
    }
    constexpr float half_log2_e = 0.721347520f;

    const floats e    = exp2_of(z * z * floats::all(-half_log2_e), exp2_fit);
    const floats tail = z * floats::all(0.5f) * (e * p); // |x| erfc(z) / 2
    return larger(x, floats::all(0.0f)) - tail;
}

/** block_kernels::add_gelu */
template <class floats> static INLINE void add_gelu_to_row(float * row, const float * bias, int64_t n) {
    for (int64_t i = 0; i < n; i += floats::n) {
        gelu(floats::load(row + i) + floats::load(bias + i)).store(row + i);
    }
}

} // namespace bllossom
