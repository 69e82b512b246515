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

/** A tile of n_rows x 16 n_panels sums in registers, of n inner numbers: 24 of 32 for twelve rows and two panels. */
template <int n_rows, int n_panels>
static INLINE void multiply_tile(const block_product & p, const float * a, const float * b, float * c) {
    __m512 sums[n_rows][n_panels];
    for (int i = 0; i < n_rows; i++) {
        for (int k = 0; k < n_panels; k++) {
            sums[i][k] = _mm512_setzero_ps();
            _mm_prefetch(reinterpret_cast<const char *>(c + i * p.c_stride + 16 * k), _MM_HINT_T0);
        }
    }
    const int64_t a_stride = p.a_stride, b_stride = 16 * p.n_inner;
    for (const float * end = a + p.n_inner; a < end; a++, b += 16) {
        __m512 columns[n_panels];
        for (int k = 0; k < n_panels; k++) {
            columns[k] = _mm512_loadu_ps(b + k * b_stride);
        }
        for (int i = 0; i < n_rows; i++) {
            const __m512 factor = _mm512_set1_ps(a[i * a_stride]);
            for (int k = 0; k < n_panels; k++) {
                sums[i][k] = _mm512_fmadd_ps(factor, columns[k], sums[i][k]);
            }
        }
    }
    const bool is_added = p.is_added;
    for (int i = 0; i < n_rows; i++) {
        for (int k = 0; k < n_panels; k++) {
            float * to       = c + i * p.c_stride + 16 * k;
            const __m512 sum = sums[i][k];
            _mm512_storeu_ps(to, is_added ? _mm512_add_ps(_mm512_loadu_ps(to), sum) : sum);
        }
    }
}

/** A share of the rows that come next, from the inner number first on. */
static INLINE void fetch_rows(const block_product & p, int64_t first_row, int64_t last_row, int64_t first, int64_t n) {
    const float * a   = static_cast<const float *>(p.a);
    const int64_t end = first + n < p.n_inner ? first + n : p.n_inner;
    for (int64_t row = first_row; row < last_row; row++) {
        for (int64_t k = first; k < end; k += 16) {
            _mm_prefetch(reinterpret_cast<const char *>(a + row * p.a_stride + k), _MM_HINT_T0);
        }
    }
}

template <int n_rows> static INLINE void multiply_rows(const block_product & p, int64_t row) {
    constexpr int64_t line  = 16; // floats
    const int64_t n_pairs   = (p.n_panels + 1) / 2;
    const int64_t n_share   = (p.n_inner + line * n_pairs - 1) / (line * n_pairs) * line;
    const int64_t row_after = row + 2 * n_rows <= p.n_rows ? row + 2 * n_rows : p.n_rows;
    const float * a         = static_cast<const float *>(p.a) + row * p.a_stride;
    const float * b         = static_cast<const float *>(p.b);
    float * c               = p.c + row * p.c_stride;
    int64_t i               = 0;
    for (; i + 2 <= p.n_panels; i += 2) {
        fetch_rows(p, row + n_rows, row_after, i / 2 * n_share, n_share);
        multiply_tile<n_rows, 2>(p, a, b + i * 16 * p.n_inner, c + 16 * i);
    }
    if (i < p.n_panels) {
        fetch_rows(p, row + n_rows, row_after, i / 2 * n_share, n_share);
        multiply_tile<n_rows, 1>(p, a, b + i * 16 * p.n_inner, c + 16 * i);
    }
}

KERNEL static void multiply(const block_product & p) {
    int64_t row = 0;
    for (; row + 12 <= p.n_rows; row += 12) {
        multiply_rows<12>(p, row);
    }
    if (row + 8 <= p.n_rows) {
        multiply_rows<8>(p, row);
        row += 8;
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
        GGML_TYPE_F32, 1, 256, 256, multiply, round, pack_transposed, pack_panels, weigh, scale, add, add_gelu,
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
