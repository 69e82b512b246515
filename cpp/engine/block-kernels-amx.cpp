// Products of BF16 in the tiles of AMX, sums in floats; all else in AVX-512. What block-kernels-avx2.cpp says about
// code that not every CPU can run holds here too.
//
// Of a a tile holds 16 rows of 32 elements, of b 32 rows of a panel (two rows side by side: pairs of a column), of c 16
// x 16 floats.

#include "block-kernels.h"

#if defined(__linux__) && defined(__x86_64__) && defined(__AVX512BF16__)

#include "amx-tiles.h"
#include "bf16-panels.h"
#include "floats-avx512.h"

#define KERNEL __attribute__((section("amx_text")))

namespace bllossom {
using element = bf16_element;
}

#include "row-entries.h"

namespace bllossom {

namespace {

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

KERNEL static void pack_transposed(const block_packing & p, void * panels) {
    pack_pair_columns<tile_inner>(p, static_cast<uint16_t *>(panels));
}

KERNEL static void pack_panels(const block_packing & p, void * panels) {
    pack_pair_rows<tile_inner>(p, static_cast<uint16_t *>(panels));
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
