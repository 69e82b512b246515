// Compiled for AVX-512. What block-kernels-avx2.cpp says about code that not every CPU can run holds here too.

#include "block-kernels.h"

#if defined(__AVX512F__)

#include "float-panels.h"
#include "floats-avx512.h"

#if defined(__ELF__)
#define KERNEL __attribute__((section("avx512_text")))
#else
#define KERNEL
#endif

namespace bllossom {

/** Rows that the next tiles begin with. */
struct rows_ahead {
    const float * first;
    int64_t n;
};

/**
 * A tile of n_rows x 16 n_panels sums in registers, of n inner numbers: 24 of 32 for eight rows and three panels, which
 * take eleven reads for 24 multiplications. What has to come from far is asked for in between, a few lines at a time:
 * more than ten at once, and reads from the second cache have to wait for them.
 */
template <int n_rows, int n_panels>
static INLINE void multiply_tile(const block_product & p, const float * a, const float * b, float * c,
                                 rows_ahead ahead) {
    constexpr int64_t line = 16; // floats
    const int64_t a_stride = p.a_stride, c_stride = p.c_stride, b_stride = line * p.n_inner;
    __m512 sums[n_rows][n_panels];
    for (int i = 0; i < n_rows; i++) {
        for (int k = 0; k < n_panels; k++) {
            sums[i][k] = _mm512_setzero_ps();
        }
    }
    const float * const last = a + p.n_inner;
    for (int64_t i = 0; a < last; i++) {
        for (int64_t k = 0; i < n_rows && k < n_panels; k++) {
            _mm_prefetch(reinterpret_cast<const char *>(c + i * c_stride + k * line), _MM_HINT_T0);
        }
        for (int64_t k = 0; k < ahead.n; k++) {
            _mm_prefetch(reinterpret_cast<const char *>(ahead.first + k * a_stride + i * line), _MM_HINT_T0);
        }
        for (const float * end = last - a < line ? last : a + line; a < end; a++, b += line) {
            __m512 columns[n_panels];
            for (int k = 0; k < n_panels; k++) {
                columns[k] = _mm512_loadu_ps(b + k * b_stride);
            }
            for (int k = 0; k < n_rows; k++) {
                const __m512 factor = _mm512_set1_ps(a[k * a_stride]);
                for (int m = 0; m < n_panels; m++) {
                    sums[k][m] = _mm512_fmadd_ps(factor, columns[m], sums[k][m]);
                }
            }
        }
    }
    const bool is_added = p.is_added;
    for (int i = 0; i < n_rows; i++) {
        for (int k = 0; k < n_panels; k++) {
            float * to       = c + i * c_stride + k * line;
            const __m512 sum = sums[i][k];
            _mm512_storeu_ps(to, is_added ? _mm512_add_ps(_mm512_loadu_ps(to), sum) : sum);
        }
    }
}

/** With each tile a share of the eight rows after these is fetched. */
template <int n_rows> static INLINE void multiply_rows(const block_product & p, int64_t row) {
    constexpr int64_t n_wide = 3; // panels of a tile
    const int64_t n_tiles    = (p.n_panels + n_wide - 1) / n_wide;
    const int64_t n_left     = p.n_rows - row - n_rows;
    const int64_t n_next     = n_left < 8 ? n_left : 8;
    const float * a          = static_cast<const float *>(p.a) + row * p.a_stride;
    for (int64_t i = 0; i < n_tiles; i++) {
        const int64_t first    = i * n_next / n_tiles;
        const rows_ahead ahead = {a + (n_rows + first) * p.a_stride, (i + 1) * n_next / n_tiles - first};
        const float * b        = static_cast<const float *>(p.b) + i * n_wide * 16 * p.n_inner;
        float * c              = p.c + row * p.c_stride + i * n_wide * 16;
        switch (p.n_panels - i * n_wide) {
        case 1:
            multiply_tile<n_rows, 1>(p, a, b, c, ahead);
            break;
        case 2:
            multiply_tile<n_rows, 2>(p, a, b, c, ahead);
            break;
        default:
            multiply_tile<n_rows, n_wide>(p, a, b, c, ahead);
        }
    }
}

KERNEL static void multiply(const block_product & p) {
    int64_t row = 0;
    for (; row + 8 <= p.n_rows; row += 8) {
        multiply_rows<8>(p, row);
    }
    if (row + 4 <= p.n_rows) {
        multiply_rows<4>(p, row);
        row += 4;
    }
    for (; row < p.n_rows; row++) {
        multiply_rows<1>(p, row);
    }
}

KERNEL static void pack_transposed(const block_packing & p, void * panels) {
    pack_columns(p, static_cast<float *>(panels));
}

KERNEL static void pack_panels(const block_packing & p, void * panels) {
    pack_rows(p, static_cast<float *>(panels));
}

KERNEL static void round(const float * from, int64_t n, void * to) {
    for (int64_t i = 0; i < n; i += floats::n) {
        floats::load(from + i).store(static_cast<float *>(to) + i);
    }
}

KERNEL static float weigh(float * scores, const float * bias, int64_t n, float scale, float & max, float & sum) {
    return weigh_row<floats, float_element>(scores, bias, n, scale, max, sum);
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

const block_kernels * avx512_kernels() {
    static constexpr block_kernels kernels = {
        GGML_TYPE_F32, 1, 768, 192, 384, multiply, round, pack_transposed, pack_panels, weigh, scale, add, add_gelu,
    };
    return &kernels;
}

} // namespace bllossom

#else

namespace bllossom {

const block_kernels * avx512_kernels() {
    return nullptr;
}

} // namespace bllossom

#endif
