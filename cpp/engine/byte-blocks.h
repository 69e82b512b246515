#pragma once
// What the kernels of byte-kernels.h multiply, for files that are compiled for AVX2, FMA and F16C at least; they are
// each file's own, like everything in row-kernels.h.

#include "byte-kernels.h"
#include "row-kernels.h"

#include <immintrin.h>

namespace bllossom {

namespace {

constexpr int64_t n_block = byte_kernels::block;

/** A block of a row, as ggml defines Q8_K (ggml-common.h). */
struct q8_k_block {
    float d;
    int8_t qs[n_block];
    int16_t sums[n_block / 16]; // of 16 each
};

/** A block of eight outputs of Q4_K, as ggml rearranges them for AVX2 (ggml-cpu/repack.h, block_q4_Kx8). */
struct q4_k_panel {
    uint16_t d[8], dmin[8];
    uint8_t scales[96];      // a scale and a minimum of six bits for each output in each of eight groups
    uint8_t qs[4][4][2][32]; // of two groups, the first in the low bits: eight inputs of four outputs each
};

/** A block of an output of Q6_K, as ggml defines it (ggml-common.h). */
struct q6_k_block {
    uint8_t ql[2][2][32];
    uint8_t qh[2][32];
    int8_t scales[16];
    uint16_t d;
};

static_assert(sizeof(q8_k_block) == 292 && sizeof(q4_k_panel) == 1152 && sizeof(q6_k_block) == 210, "packed like ggml");

/**
 * Asks for a line of a block to come: while a block meets all rows, more of them than a CPU reads ahead by itself would
 * have arrived.
 */
template <class block> INLINE void fetch_ahead(const block &, const void * line) {
    constexpr size_t n_blocks = 4;
    _mm_prefetch(static_cast<const char *>(line) + n_blocks * sizeof(block), _MM_HINT_T0);
}

INLINE __m256i load(const void * from) {
    return _mm256_loadu_si256(static_cast<const __m256i *>(from));
}

INLINE float from_half(uint16_t half) {
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
}

INLINE __m256i low_bits(__m256i x) {
    return _mm256_and_si256(x, _mm256_set1_epi8(15));
}

INLINE __m256i high_bits(__m256i x) {
    return low_bits(_mm256_srli_epi16(x, 4));
}

/** The factors of a block of eight outputs of Q4_K. */
struct q4_k_fields {
    __m256i scales[2]; // of the first and the last four outputs, for each group: a byte each
    __m256i minima[4]; // of two groups: a pair of 16 bits for each output

    INLINE explicit q4_k_fields(const uint8_t * packed) {
        // Three times four bytes for each group, of which the first, the second and the third are wanted together.
        const __m256i a = load(packed), b = load(packed + 32), c = load(packed + 64);
        const __m256i first         = pick(_mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x92), c, 0x24), 0, 3, 6, 1);
        const __m256i second        = pick(_mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x24), c, 0x49), 1, 4, 7, 2);
        const __m256i third         = pick(_mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x49), c, 0x92), 2, 5, 0, 3);
        const __m256i six           = _mm256_set1_epi8(0x3f);
        scales[0]                   = _mm256_and_si256(first, six);
        scales[1]                   = _mm256_or_si256(low_bits(third), top_bits(first));
        const __m256i lower_minima  = _mm256_and_si256(second, six);
        const __m256i upper_minima  = _mm256_or_si256(high_bits(third), top_bits(second));
        const __m256i four_groups[] = {_mm256_permute2x128_si256(lower_minima, upper_minima, 0x20),
                                       _mm256_permute2x128_si256(lower_minima, upper_minima, 0x31)};
        const __m256i pairs =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1));
        const __m256i last_pairs = _mm256_add_epi8(pairs, _mm256_set1_epi16(8));
        for (int i = 0; i < 4; i++) {
            minima[i] = _mm256_shuffle_epi8(four_groups[i / 2], i % 2 == 0 ? pairs : last_pairs);
        }
    }

  private:
    /** The two highest of eight bits, above four others. */
    static INLINE __m256i top_bits(__m256i x) {
        return _mm256_and_si256(_mm256_srli_epi32(x, 2), _mm256_set1_epi8(0x30));
    }

    /** Lanes in an order whose other half is the first one's plus four. */
    static INLINE __m256i pick(__m256i x, int a, int b, int c, int d) {
        return _mm256_permutevar8x32_epi32(
            x, _mm256_setr_epi32(a, b, c, d, (a + 4) % 8, (b + 4) % 8, (c + 4) % 8, (d + 4) % 8));
    }
};

template <class floats> INLINE void round_block(const float * from, q8_k_block & to) {
    floats most = floats::all(0.0f), strange = floats::all(0.0f); // 0 * x, which NaN and infinity make NaN
    for (int64_t i = 0; i < n_block; i += floats::n) {
        const floats x = floats::load(from + i);
        most           = larger(magnitude(x), most);
        strange        = fma(x, floats::all(0.0f), strange);
    }
    const float largest = most.largest();
    const __m256 factor = _mm256_set1_ps(largest > 0.0f ? 127.0f / largest : 0.0f);
    to.d                = largest / 127.0f + strange.sum();
    for (int64_t i = 0; i < n_block; i += 32) {
        __m256i x[4];
        for (int k = 0; k < 4; k++) {
            x[k] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from + i + 8 * k), factor));
        }
        // Packing takes four numbers of each half.
        const __m256i words[] = {_mm256_packs_epi32(x[0], x[1]), _mm256_packs_epi32(x[2], x[3])};
        const __m256i order   = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        const __m256i bytes   = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words[0], words[1]), order);
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(to.qs + i), bytes);
        for (int k = 0; k < 2; k++) {
            const __m256i ones  = _mm256_madd_epi16(words[k], _mm256_set1_epi16(1));
            const __m128i four  = _mm_add_epi32(_mm256_castsi256_si128(ones), _mm256_extracti128_si256(ones, 1));
            const __m128i two   = _mm_hadd_epi32(four, four);
            to.sums[i / 16 + k] = int16_t(_mm_cvtsi128_si32(_mm_hadd_epi32(two, two)));
        }
    }
}

/** byte_kernels::round */
template <class floats> INLINE void round_row(const float * from, int64_t n, void * to) {
    auto * blocks = static_cast<q8_k_block *>(to);
    for (int64_t i = 0; i < n / n_block; i++) {
        round_block<floats>(from + i * n_block, blocks[i]);
    }
}

INLINE const q8_k_block * row_of(const byte_rows & rows, int64_t r) {
    return reinterpret_cast<const q8_k_block *>(rows.first + size_t(r) * rows.stride);
}

/** A block with some rows. */
template <int n_together, class bytes, class sums>
INLINE void multiply_together(bytes & block, int64_t i, const byte_rows & rows, int64_t first, sums * out) {
    const q8_k_block * x[n_together];
    sums * to[n_together];
    for (int k = 0; k < n_together; k++) {
        x[k]  = row_of(rows, first + k) + i;
        to[k] = out + first + k;
    }
    block.template multiply<n_together>(x, to);
}

/** A block with the rows from first on, so many at a time; then fewer. */
template <int n_together, class bytes, class sums>
INLINE void multiply_block(bytes & block, int64_t i, const byte_rows & rows, int64_t first, sums * out) {
    for (; first + n_together <= rows.n; first += n_together) {
        multiply_together<n_together>(block, i, rows, first, out);
    }
    if constexpr (n_together > 1) {
        multiply_block<(n_together + 1) / 2>(block, i, rows, first, out);
    }
}

/**
 * Block after block w[i], each with all rows. bytes: what a block becomes, which multiplies bytes::n_together rows at a
 * time and adds to the sums of each. out: [n_rows]
 */
template <class bytes, class blocks, class sums>
INLINE void multiply_rows(blocks w, int64_t n_blocks, const byte_rows & rows, sums * out) {
    for (int64_t r = 0; r < rows.n; r++) {
        out[r] = sums{};
    }
    for (int64_t i = 0; i < n_blocks; i++) {
        bytes unpacked(w[i]);
        multiply_block<bytes::n_together>(unpacked, i, rows, 0, out);
    }
}

} // namespace

} // namespace bllossom
