#pragma once
// How floats become panels, for a file that is compiled for AVX at least; they are that file's own, like everything in
// row-kernels.h.

#include "block-kernels.h"
#include "row-kernels.h"

#include <immintrin.h>

namespace bllossom {

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

/** block_kernels::pack_transposed */
static INLINE void pack_columns(const block_packing & p, float * panels) {
    const int64_t n_inner = p.n_columns;
    for (int64_t row = 0; row < p.n_rows; row += 8) { // half a panel
        const float * from = static_cast<const float *>(p.from) + row * p.stride;
        float * to         = panels + row / 16 * 16 * n_inner + row % 16;
        int64_t k          = 0;
        for (; k + 8 <= n_inner; k += 8) {
            transpose(from + k, p.stride, to + 16 * k);
        }
        for (; k < n_inner; k++) {
            for (int i = 0; i < 8; i++) {
                to[16 * k + i] = from[i * p.stride + k];
            }
        }
    }
}

/** block_kernels::pack_panels */
static INLINE void pack_rows(const block_packing & p, float * panels) {
    float * to = panels;
    for (int64_t column = 0; column < p.n_columns; column += 16) {
        for (int64_t row = 0; row < p.n_rows; row++, to += 16) {
            const float * from = static_cast<const float *>(p.from) + row * p.stride + column;
            _mm256_storeu_ps(to, _mm256_loadu_ps(from));
            _mm256_storeu_ps(to + 8, _mm256_loadu_ps(from + 8));
        }
    }
}

} // namespace bllossom
