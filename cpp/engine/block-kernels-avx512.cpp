// Compiled for AVX-512. What block-kernels-avx2.cpp says about code that not every CPU can run holds here too.

#include "block-kernels.h"

#if defined(__AVX512F__)

#include "block-tiles-avx512.h"
#include "float-panels.h"
#include "floats-avx512.h"

#if defined(__ELF__)
#define KERNEL __attribute__((section("avx512_text")))
#else
#define KERNEL
#endif

namespace bllossom {
using element = float_element;
}

#include "row-entries.h"

namespace bllossom {

namespace {

/** See block-tiles-avx512.h. */
struct float_word {
    static constexpr int64_t element_bytes = 4;

    static INLINE __m512 multiply_add(__m512i a, __m512i b, __m512 sums) {
        return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sums);
    }
};

} // namespace

KERNEL static void multiply(const block_product & p) {
    multiply_words<float_word>(p);
}

KERNEL static void pack_transposed(const block_packing & p, void * panels) {
    pack_columns(p, static_cast<float *>(panels));
}

KERNEL static void pack_panels(const block_packing & p, void * panels) {
    pack_rows(p, static_cast<float *>(panels));
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
