#pragma once
// How BF16 become panels, where the two rows of a pair lie side by side: for a file that is compiled for AVX-512 with
// BF16. They are that file's own, like everything in row-kernels.h.

#include "block-kernels.h"
#include "floats-avx512.h"

#include <immintrin.h>

namespace bllossom {

namespace {

/** See row-kernels.h. */
struct bf16_element {
    /** Off by less than 3e-6. */
    static constexpr float weight_fit[] = {9.57010094e-3f, 5.59178628e-2f, 0.240247443f, 0.693121791f, 0.9999993f};

    static INLINE void store(floats x, float * row, int64_t i) {
        const __m256bh rounded = _mm512_cvtneps_pbh(x.x);
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(reinterpret_cast<uint16_t *>(row) + i), (__m256i) rounded);
    }
};

} // namespace

/** 32 elements of a row, of which the first n are there and the others 0. */
static INLINE __m512i load_elements(const uint16_t * from, int64_t n) {
    const __mmask32 there = n >= 32 ? __mmask32(0xffffffff) : n <= 0 ? __mmask32(0) : __mmask32((1u << n) - 1);
    return _mm512_maskz_loadu_epi16(there, from);
}

/** 16 x 16 pairs, rows become columns. */
static INLINE void transpose(__m512i (&rows)[16]) {
    __m512i pairs[16], quads[16];
    for (int i = 0; i < 16; i += 2) {
        pairs[i]     = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        quads[i]     = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        quads[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        quads[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        quads[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    for (int i = 0; i < 4; i++) { // quads[i + 4 j], part k: rows 4 j to 4 j + 3 of column 4 k + i
        const __m512i even01 = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0x88);
        const __m512i odd01  = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0xdd);
        const __m512i even23 = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0x88);
        const __m512i odd23  = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0xdd);

        rows[i]      = _mm512_shuffle_i32x4(even01, even23, 0x88);
        rows[i + 4]  = _mm512_shuffle_i32x4(odd01, odd23, 0x88);
        rows[i + 8]  = _mm512_shuffle_i32x4(even01, even23, 0xdd);
        rows[i + 12] = _mm512_shuffle_i32x4(odd01, odd23, 0xdd);
    }
}

/** block_kernels::pack_transposed; n_inner becomes a multiple of step, an even number up to 32 that divides it. */
template <int64_t step> static INLINE void pack_pair_columns(const block_packing & p, uint16_t * panels) {
    constexpr int64_t n_pairs = 16; // that are transposed at once
    const int64_t n_inner     = (p.n_columns + step - 1) / step * step;
    for (int64_t first = 0; first < p.n_rows; first += 16) {
        const auto * from      = static_cast<const uint16_t *>(p.from) + first * p.stride;
        const bool is_half     = p.n_rows - first < 16;
        const __mmask16 is_row = is_half ? 0x00ff : 0xffff;
        uint16_t * to          = panels + first * n_inner;
        for (int64_t k = 0; k < n_inner; k += 2 * n_pairs, to += 32 * n_pairs) {
            __m512i rows[16];
            for (int i = 0; i < 16; i++) {
                rows[i] = i < 8 || !is_half ? load_elements(from + i * p.stride + k, p.n_columns - k)
                                            : _mm512_setzero_si512();
            }
            transpose(rows);
            for (int i = 0; i < n_pairs && k + 2 * i < n_inner; i++) {
                _mm512_mask_storeu_epi32(to + 32 * i, is_row, rows[i]);
            }
        }
    }
}

/** block_kernels::pack_panels; rows become a multiple of step, an even number. */
template <int64_t step> static INLINE void pack_pair_rows(const block_packing & p, uint16_t * to) {
    const int64_t n_rows = (p.n_rows + step - 1) / step * step;
    for (int64_t column = 0; column < p.n_columns; column += 16) {
        for (int64_t row = 0; row < n_rows; row += 2, to += 32) {
            const auto * from   = static_cast<const uint16_t *>(p.from) + row * p.stride + column;
            const __m512i upper = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(row < p.n_rows ? 0xffff : 0, from));
            const __m512i lower =
                _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(row + 1 < p.n_rows ? 0xffff : 0, from + p.stride));
            _mm512_storeu_si512(to, _mm512_or_si512(upper, _mm512_slli_epi32(lower, 16))); // pairs of a column
        }
    }
}

} // namespace bllossom
