// Compiled for AVX2 and FMA, so nothing in here may run before the CPU was asked (block-kernels.cpp), and nothing may
// be shared with files that are compiled for less: no header with inline functions of its own, no template that is not
// static (row-kernels.h). The code lies in a section of its own, by which scripts/prebuild/check.mjs knows that it may
// use AVX.

#include "block-kernels.h"

#if defined(__AVX2__)

#include "float-panels.h"
#include "floats-avx2.h"

#if defined(__ELF__)
#define KERNEL __attribute__((section("avx2_text")))
#else
#define KERNEL
#endif

namespace bllossom {
using element = float_element;
}

#include "row-entries.h"

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
    const int64_t a_stride = p.a_stride;
    const float * lower    = a + 3 * a_stride;
    for (const float * end = a + p.n_inner; a < end; a++, lower++, b += 16) {
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
    const float * a         = static_cast<const float *>(p.a);
    const float * b         = static_cast<const float *>(p.b);
    for (int64_t i = 0; i < p.n_panels; i++) {
        const int64_t end = (i + 1) * n_share < p.n_inner ? (i + 1) * n_share : p.n_inner;
        for (int64_t r = row + 6; r < row_after; r++) {
            for (int64_t k = i * n_share; k < end; k += line) {
                _mm_prefetch(reinterpret_cast<const char *>(a + r * p.a_stride + k), _MM_HINT_T0);
            }
        }
        multiply_tile<n_rows>(p, a + row * p.a_stride, b + i * 16 * p.n_inner, p.c + row * p.c_stride + 16 * i);
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

KERNEL static void pack_transposed(const block_packing & p, void * panels) {
    pack_columns(p, static_cast<float *>(panels));
}

KERNEL static void pack_panels(const block_packing & p, void * panels) {
    pack_rows(p, static_cast<float *>(panels));
}

const block_kernels * avx2_kernels() {
    static constexpr block_kernels kernels = {
        GGML_TYPE_F32, 1, 256, 256, 256, multiply, round, pack_transposed, pack_panels, weigh, scale, add, add_gelu,
    };
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
