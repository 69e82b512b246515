#pragma once
// Products of blocks in vectors of sixteen sums, for a file that is compiled for AVX-512 at least; they are that file's
// own, like everything in row-kernels.h. A word is what a lane multiplies at once, a float or a pair of BF16:
//
//   word::element_bytes
//   word::multiply_add(a, b, sums)             sums + a * b, where every lane of a is the same word

#include "block-kernels.h"
#include "row-kernels.h"

#include <cstring>

#include <immintrin.h>

namespace bllossom {

static constexpr int64_t word_bytes = 4, line_bytes = 64;

/** Rows that the next tiles begin with. */
struct rows_ahead {
    const char * first;
    int64_t n;
};

static INLINE __m512i repeat_word(const char * from) {
    int32_t word;
    std::memcpy(&word, from, sizeof(word));
    return _mm512_set1_epi32(word);
}

/**
 * A tile of n_rows x 16 n_panels sums in registers, of n inner numbers: 24 of 32 for eight rows and three panels, which
 * take eleven reads for 24 multiplications. What has to come from far is asked for in between, a few lines at a time:
 * more than ten at once, and reads from the second cache have to wait for them.
 */
template <class word, int n_rows, int n_panels>
static INLINE void multiply_tile(const block_product & p, const char * a, const char * b, float * c, rows_ahead ahead) {
    const int64_t n_bytes = p.n_inner * word::element_bytes, b_stride = 16 * n_bytes;
    const int64_t a_stride = p.a_stride * word::element_bytes, c_stride = p.c_stride;
    __m512 sums[n_rows][n_panels];
    for (int i = 0; i < n_rows; i++) {
        for (int k = 0; k < n_panels; k++) {
            sums[i][k] = _mm512_setzero_ps();
        }
    }
    const char * const last = a + n_bytes;
    for (int64_t i = 0; a < last; i++) {
        for (int64_t k = 0; i < n_rows && k < n_panels; k++) {
            _mm_prefetch(reinterpret_cast<const char *>(c + i * c_stride + k * 16), _MM_HINT_T0);
        }
        for (int64_t k = 0; k < ahead.n; k++) {
            _mm_prefetch(ahead.first + k * a_stride + i * line_bytes, _MM_HINT_T0);
        }
        for (const char * end = last - a < line_bytes ? last : a + line_bytes; a < end; a += word_bytes) {
            __m512i columns[n_panels];
            for (int k = 0; k < n_panels; k++) {
                columns[k] = _mm512_loadu_si512(b + k * b_stride);
            }
            for (int k = 0; k < n_rows; k++) {
                const __m512i factor = repeat_word(a + k * a_stride);
                for (int m = 0; m < n_panels; m++) {
                    sums[k][m] = word::multiply_add(factor, columns[m], sums[k][m]);
                }
            }
            b += line_bytes;
        }
    }
    const bool is_added = p.is_added;
    for (int i = 0; i < n_rows; i++) {
        for (int k = 0; k < n_panels; k++) {
            float * to       = c + i * c_stride + k * 16;
            const __m512 sum = sums[i][k];
            _mm512_storeu_ps(to, is_added ? _mm512_add_ps(_mm512_loadu_ps(to), sum) : sum);
        }
    }
}

/** With each tile a share of the eight rows after these is fetched. */
template <class word, int n_rows> static INLINE void multiply_rows(const block_product & p, int64_t row) {
    constexpr int64_t n_wide = 3; // panels of a tile
    const int64_t n_tiles    = (p.n_panels + n_wide - 1) / n_wide;
    const int64_t n_left     = p.n_rows - row - n_rows;
    const int64_t n_next     = n_left < 8 ? n_left : 8;
    const int64_t a_stride   = p.a_stride * word::element_bytes;
    const int64_t b_bytes    = n_wide * 16 * p.n_inner * word::element_bytes; // of a tile
    const char * a           = static_cast<const char *>(p.a) + row * a_stride;
    for (int64_t i = 0; i < n_tiles; i++) {
        const int64_t first    = i * n_next / n_tiles;
        const rows_ahead ahead = {a + (n_rows + first) * a_stride, (i + 1) * n_next / n_tiles - first};
        const char * b         = static_cast<const char *>(p.b) + i * b_bytes;
        float * c              = p.c + row * p.c_stride + i * n_wide * 16;
        switch (p.n_panels - i * n_wide) {
        case 1:
            multiply_tile<word, n_rows, 1>(p, a, b, c, ahead);
            break;
        case 2:
            multiply_tile<word, n_rows, 2>(p, a, b, c, ahead);
            break;
        default:
            multiply_tile<word, n_rows, n_wide>(p, a, b, c, ahead);
        }
    }
}

/** block_kernels::multiply */
template <class word> static INLINE void multiply_words(const block_product & p) {
    int64_t row = 0;
    for (; row + 8 <= p.n_rows; row += 8) {
        multiply_rows<word, 8>(p, row);
    }
    if (row + 4 <= p.n_rows) {
        multiply_rows<word, 4>(p, row);
        row += 4;
    }
    for (; row < p.n_rows; row++) {
        multiply_rows<word, 1>(p, row);
    }
}

} // namespace bllossom
