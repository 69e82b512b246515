// Products of BF16 in vectors: twice those of floats where a CPU has no tiles for them. What block-kernels-avx2.cpp
// says about code that not every CPU can run holds here too.

#include "block-kernels.h"

#if defined(__AVX512BF16__)

#include "bf16-panels.h"
#include "block-tiles-avx512.h"

#if defined(__ELF__)
#define KERNEL __attribute__((section("avx512_text")))
#else
#define KERNEL
#endif

namespace bllossom {
using element = bf16_element;
}

#include "row-entries.h"

namespace bllossom {

namespace {

/** See block-tiles-avx512.h. */
struct bf16_pair {
    static constexpr int64_t element_bytes = 2;

    static INLINE __m512 multiply_add(__m512i a, __m512i b, __m512 sums) {
        return _mm512_dpbf16_ps(sums, (__m512bh) a, (__m512bh) b);
    }
};

} // namespace

KERNEL static void multiply(const block_product & p) {
    multiply_words<bf16_pair>(p);
}

KERNEL static void pack_transposed(const block_packing & p, void * panels) {
    pack_pair_columns<2>(p, static_cast<uint16_t *>(panels));
}

KERNEL static void pack_panels(const block_packing & p, void * panels) {
    pack_pair_rows<2>(p, static_cast<uint16_t *>(panels));
}

const block_kernels * avx512_bf16_kernels() {
    static constexpr block_kernels kernels = {
        GGML_TYPE_BF16, 2, 1280, 192, 512, multiply, round, pack_transposed, pack_panels, weigh, scale, add, add_gelu,
    };
    return &kernels;
}

} // namespace bllossom

#else

namespace bllossom {

const block_kernels * avx512_bf16_kernels() {
    return nullptr;
}

} // namespace bllossom

#endif
