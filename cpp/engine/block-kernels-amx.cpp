// Products of BF16 in the tiles of AMX, sums in floats; all else in AVX-512. What block-kernels-avx2.cpp says about
// code that not every CPU can run holds here too.
//
// Of a a tile holds 16 rows of 32 elements, of b 32 rows of a panel (two rows side by side: pairs of a column), of c 16
// x 16 floats.

#include "block-kernels.h"

#if defined(__linux__) && defined(__x86_64__) && defined(__AVX512BF16__)

#include "amx-tiles.h"
#include "floats-avx512.h"

#define KERNEL __attribute__((section("amx_text")))

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

/** 32 elements of a row, of which the first n are there and the others 0. */
INLINE __m512i load_elements(const uint16_t * from, int64_t n) {
    const __mmask32 there = n >= 32 ? __mmask32(0xffffffff) : n <= 0 ? __mmask32(0) : __mmask32((1u << n) - 1);
    return _mm512_maskz_loadu_epi16(there, from);
}

// --- products
// ---------------------------------------------------------------------------------------------------------------

constexpr int64_t tile_inner  = 32;  // elements of a tile's row
constexpr int64_t inner_block = 256; // of them the rows of a and two panels stay in the first level of the cache

/** The sums of 16 or 32 rows and one or two panels; of n inner elements, a multiple of 32. Strides: bytes */
template <bool has_more_rows, bool has_more_panels>
INLINE void multiply_tiles(const char * a, int64_t a_stride, const char * b, int64_t b_panel, float * c,
                           int64_t c_stride, int64_t n, bool is_added) {
    float * below = c + 16 * (c_stride / int64_t(sizeof(float)));
    if (is_added) {
        TILE_LOAD(0, c, c_stride);
        if (has_more_panels) {
            TILE_LOAD(1, c + 16, c_stride);
        }
        if (has_more_rows) {
            TILE_LOAD(2, below, c_stride);
        }
        if (has_more_rows && has_more_panels) {
            TILE_LOAD(3, below + 16, c_stride);
        }
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
        if (has_more_rows) {
            TILE_ZERO(2);
            TILE_ZERO(3);
        }
    }
    for (int64_t k = 0; k < n; k += tile_inner, a += 64, b += 1024) {
        TILE_LOAD(6, b, 64);
        TILE_LOAD(4, a, a_stride);
        TILE_MULTIPLY(0, 4, 6);
        if (has_more_panels) {
            TILE_LOAD(7, b + b_panel, 64);
            TILE_MULTIPLY(1, 4, 7);
        }
        if (has_more_rows) {
            TILE_LOAD(5, a + 16 * a_stride, a_stride);
            TILE_MULTIPLY(2, 5, 6);
        }
        if (has_more_rows && has_more_panels) {
            TILE_MULTIPLY(3, 5, 7);
        }
    }
    TILE_STORE(0, c, c_stride);
    if (has_more_panels) {
        TILE_STORE(1, c + 16, c_stride);
    }
    if (has_more_rows) {
        TILE_STORE(2, below, c_stride);
    }
    if (has_more_rows && has_more_panels) {
        TILE_STORE(3, below + 16, c_stride);
    }
}

/** Rows from first to before last, 16 or 32 at a time. */
template <bool has_more_rows> INLINE void multiply_rows(const block_product & p, int64_t first, int64_t last) {
    constexpr int64_t n_rows = has_more_rows ? 32 : 16;
    const int64_t a_stride = p.a_stride * 2, b_panel = p.n_inner * 32, c_stride = p.c_stride * int64_t(sizeof(float));
    for (int64_t k = 0; k < p.n_inner; k += inner_block) {
        const int64_t n     = p.n_inner - k < inner_block ? p.n_inner - k : inner_block;
        const bool is_added = p.is_added || k > 0;
        for (int64_t row = first; row < last; row += n_rows) {
            const char * a  = static_cast<const char *>(p.a) + row * a_stride + k * 2;
            const char * b  = static_cast<const char *>(p.b) + k * 32;
            float * c       = p.c + row * p.c_stride;
            int64_t i_panel = 0;
            for (; i_panel + 2 <= p.n_panels; i_panel += 2, b += 2 * b_panel, c += 32) {
                multiply_tiles<has_more_rows, true>(a, a_stride, b, b_panel, c, c_stride, n, is_added);
            }
            if (i_panel < p.n_panels) {
                multiply_tiles<has_more_rows, false>(a, a_stride, b, b_panel, c, c_stride, n, is_added);
            }
        }
    }
}

} // namespace

KERNEL static void multiply(const block_product & p) {
    const tile_state before;
    const int64_t n_whole = p.n_rows / 32 * 32, n_rest = p.n_rows - n_whole;
    if (n_whole > 0) {
        tile_config(16, 16).load();
        multiply_rows<true>(p, 0, n_whole);
    }
    if (n_rest > 16) {
        tile_config(16, n_rest - 16).load();
        multiply_rows<true>(p, n_whole, p.n_rows);
    } else if (n_rest > 0) {
        tile_config(n_rest, 0).load();
        multiply_rows<false>(p, n_whole, p.n_rows);
    }
}

// --- operands
// ---------------------------------------------------------------------------------------------------------------

KERNEL static void round(const float * from, int64_t n, void * to) {
    for (int64_t i = 0; i < n; i += floats::n) {
        bf16_element::store(floats::load(from + i), static_cast<float *>(to), i);
    }
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

KERNEL static void pack_transposed(const block_packing & p, void * panels) {
    const int64_t n_inner = (p.n_columns + tile_inner - 1) / tile_inner * tile_inner;
    for (int64_t first = 0; first < p.n_rows; first += 16) {
        const auto * from      = static_cast<const uint16_t *>(p.from) + first * p.stride;
        const bool is_half     = p.n_rows - first < 16;
        const __mmask16 is_row = is_half ? 0x00ff : 0xffff;
        auto * to              = static_cast<uint16_t *>(panels) + first * n_inner;
        for (int64_t k = 0; k < p.n_columns; k += tile_inner, to += 16 * tile_inner) {
            __m512i rows[16];
            for (int i = 0; i < 16; i++) {
                rows[i] = i < 8 || !is_half ? load_elements(from + i * p.stride + k, p.n_columns - k)
                                            : _mm512_setzero_si512();
            }
            transpose(rows);
            for (int i = 0; i < 16; i++) {
                _mm512_mask_storeu_epi32(to + 32 * i, is_row, rows[i]);
            }
        }
    }
}

KERNEL static void pack_panels(const block_packing & p, void * panels) {
    const int64_t n_rows = (p.n_rows + tile_inner - 1) / tile_inner * tile_inner;
    auto * to            = static_cast<uint16_t *>(panels);
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

// --- rows
// -------------------------------------------------------------------------------------------------------------------

KERNEL static float weigh(float * scores, const float * bias, int64_t n, float scale, float & max, float & sum) {
    return weigh_row<floats, bf16_element>(scores, bias, n, scale, max, sum);
}

KERNEL static void scale(float * row, int64_t n, float factor) {
    scale_row<floats>(row, n, factor);
}

KERNEL static void add(float * row, const float * bias, int64_t n) {
    add_to_row<floats>(row, bias, n);
}

KERNEL static void add_gelu(float * row, const float * bias, int64_t n) {
    add_gelu_to_row<floats>(row, bias, n);
}

const block_kernels * amx_kernels() {
    static constexpr block_kernels kernels = {
        GGML_TYPE_BF16,  tile_inner,  1280,  256,   512, multiply, round,
        pack_transposed, pack_panels, weigh, scale, add, add_gelu,
    };
    return &kernels;
}

} // namespace bllossom

#else

namespace bllossom {

const block_kernels * amx_kernels() {
    return nullptr;
}

} // namespace bllossom

#endif
