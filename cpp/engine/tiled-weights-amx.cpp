// Compiled for AVX-512 with BF16; what block-kernels-avx2.cpp says about code that not every CPU can run holds here
// too.
//
// A block has four inputs of 16 outputs in 64 bytes, and the bits of a number that do not fill a byte apart from each
// other. Here the 16 outputs are the lanes of a vector all along: the scales of a group are, and an input of all of
// them is a shift away.

#include "tiled-weights.h"

#if defined(__linux__) && defined(__x86_64__) && defined(__AVX512BF16__)

#include "row-kernels.h"

#include <immintrin.h>

#define KERNEL __attribute__((section("amx_text")))

namespace bllossom {

namespace {

/** A byte each for 16 outputs, as numbers. */
INLINE __m512 load_unsigned(const uint8_t * from) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from))));
}

INLINE __m512 load_signed(const uint8_t * from) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from))));
}

INLINE __m512 load_halves(const uint8_t * from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from)));
}

/** Of a block, while the next one is fetched: the CPU does not foresee what lies in the next page. */
template <class block> INLINE __m512i load_bytes(const block & b, const uint8_t * from) {
    _mm_prefetch(reinterpret_cast<const char *>(from) + sizeof(b), _MM_HINT_T0);
    return _mm512_loadu_si512(from);
}

/** What a group of inputs is multiplied with, and what is added. */
struct group_scale {
    __m512 factor, offset;

    INLINE __m512 apply(__m512 x) const { return _mm512_fmadd_ps(x, factor, offset); }
};

/** Rounded to the nearest: the even inputs of all outputs in the low halves, the odd ones in the high halves. */
INLINE void store_pairs(__m512 even, __m512 odd, uint16_t * to) {
    const __m512i half = _mm512_set1_epi32(0x8000), high = _mm512_set1_epi32(int(0xffff0000));
    const __m512i e = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(even), half), 16);
    const __m512i o = _mm512_add_epi32(_mm512_castps_si512(odd), half);
    _mm512_storeu_si512(to, _mm512_ternarylogic_epi32(o, high, e, 0xea)); // (o & high) | e
}

/** Four inputs; get<bit>(): of every output, the number that begins at a bit of its four bytes. */
template <class numbers> INLINE void store_four(const numbers & of, const group_scale & scale, uint16_t * to) {
    store_pairs(scale.apply(of.template get<0>()), scale.apply(of.template get<8>()), to);
    store_pairs(scale.apply(of.template get<16>()), scale.apply(of.template get<24>()), to + 32);
}

constexpr int64_t n_four = 64; // elements of four inputs in a panel

/** unit * the number in `bits` of the lowest four bits of each lane, looked up: cheaper than to cut it out and convert
 * it. */
template <int bits, int unit> INLINE __m512 look_up(__m512i x) {
    constexpr int last  = (1 << bits) - 1;
    const __m512i table = _mm512_and_si512(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                           _mm512_set1_epi32(last));
    return _mm512_permutexvar_ps(x, _mm512_cvtepi32_ps(_mm512_mullo_epi32(table, _mm512_set1_epi32(unit))));
}

/** Low or high four bits of the bytes. */
template <int first> struct nibbles {
    __m512i x;
    template <int bit> INLINE __m512 get() const { return look_up<4, 1>(_mm512_srli_epi32(x, bit + first)); }
};

/** Those, and one bit or two above them from other bytes. */
template <int first, int high_first, int high_bits> struct nibbles_and_more {
    __m512i x, high;
    template <int bit> INLINE __m512 get() const {
        return _mm512_add_ps(look_up<4, 1>(_mm512_srli_epi32(x, bit + first)),
                             look_up<high_bits, 16>(_mm512_srli_epi32(high, bit + high_first)));
    }
};

struct signed_bytes {
    __m512i x;
    template <int bit> INLINE __m512 get() const {
        return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(x, 24 - bit), 24));
    }
};

/** 8 groups of 32 inputs: nibbles, scales of a byte each, minima of which two groups lie side by side, d and dmin. */
struct q4_k_block {
    static constexpr int64_t n_inputs = 256;
    uint8_t qs[8][4][64];
    uint8_t scales[8][16];
    uint8_t mins[4][16][2];
    uint8_t d[32], dmin[32];
};

/** The same with a fifth bit. */
struct q5_k_block {
    static constexpr int64_t n_inputs = 256;
    uint8_t qs[8][4][64];
    uint8_t qh[8][64];
    uint8_t scales[8][16];
    uint8_t mins[4][16][2];
    uint8_t d[32], dmin[32];
};

/** 16 groups of 16 inputs: nibbles, two bits more, signed scales, d. */
struct q6_k_block {
    static constexpr int64_t n_inputs = 256;
    uint8_t qs[16][2][64];
    uint8_t qh[16][64];
    uint8_t scales[16][16];
    uint8_t d[32];
};

/** One group: signed bytes, d, and what ggml's kernel for one row subtracts. */
struct q8_0_block {
    static constexpr int64_t n_inputs = 32;
    uint8_t qs[8][64];
    uint8_t d[32];
    uint8_t compensation[64];
};

/** Of the group g of a block with minima. */
template <class block> INLINE group_scale scale_and_minimum(const block & b, int g) {
    const __m512i pairs = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(b.mins[g / 2])));
    const __m512 mins   = _mm512_cvtepi32_ps(
          _mm512_and_si512(_mm512_srl_epi32(pairs, _mm_cvtsi32_si128(8 * (g % 2))), _mm512_set1_epi32(255)));
    return {_mm512_mul_ps(load_halves(b.d), load_unsigned(b.scales[g])),
            _mm512_fnmadd_ps(load_halves(b.dmin), mins, _mm512_setzero_ps())};
}

INLINE void unpack_block(const q4_k_block & b, uint16_t * to) {
    for (int g = 0; g < 8; g++) {
        const group_scale scale = scale_and_minimum(b, g);
        for (int i = 0; i < 4; i++, to += 2 * n_four) {
            const __m512i bytes = load_bytes(b, b.qs[g][i]);
            store_four(nibbles<0>{bytes}, scale, to);
            store_four(nibbles<4>{bytes}, scale, to + n_four);
        }
    }
}

template <int i> INLINE void unpack_eight(const q5_k_block & b, int g, const group_scale & scale, uint16_t * to) {
    const __m512i bytes = load_bytes(b, b.qs[g][i]), high = load_bytes(b, b.qh[g]);
    store_four(nibbles_and_more<0, 2 * i, 1>{bytes, high}, scale, to + 2 * i * n_four);
    store_four(nibbles_and_more<4, 2 * i + 1, 1>{bytes, high}, scale, to + (2 * i + 1) * n_four);
}

INLINE void unpack_block(const q5_k_block & b, uint16_t * to) {
    for (int g = 0; g < 8; g++, to += 8 * n_four) {
        const group_scale scale = scale_and_minimum(b, g);
        unpack_eight<0>(b, g, scale, to);
        unpack_eight<1>(b, g, scale, to);
        unpack_eight<2>(b, g, scale, to);
        unpack_eight<3>(b, g, scale, to);
    }
}

INLINE void unpack_block(const q6_k_block & b, uint16_t * to) {
    const __m512 d = load_halves(b.d);
    for (int g = 0; g < 16; g++, to += 4 * n_four) {
        const __m512 factor     = _mm512_mul_ps(d, load_signed(b.scales[g]));
        const group_scale scale = {factor, _mm512_mul_ps(factor, _mm512_set1_ps(-32.0f))};
        const __m512i low = load_bytes(b, b.qs[g][0]), next = load_bytes(b, b.qs[g][1]), high = load_bytes(b, b.qh[g]);
        store_four(nibbles_and_more<0, 0, 2>{low, high}, scale, to);
        store_four(nibbles_and_more<4, 2, 2>{low, high}, scale, to + n_four);
        store_four(nibbles_and_more<0, 4, 2>{next, high}, scale, to + 2 * n_four);
        store_four(nibbles_and_more<4, 6, 2>{next, high}, scale, to + 3 * n_four);
    }
}

INLINE void unpack_block(const q8_0_block & b, uint16_t * to) {
    const group_scale scale = {load_halves(b.d), _mm512_setzero_ps()};
    for (int i = 0; i < 8; i++, to += n_four) {
        store_four(signed_bytes{load_bytes(b, b.qs[i])}, scale, to);
    }
}

template <class block> INLINE void unpack(const char * blocks, int64_t n, void * panel) {
    const auto * b = reinterpret_cast<const block *>(blocks);
    auto * to      = static_cast<uint16_t *>(panel);
    for (int64_t i = 0; i < n; i += block::n_inputs, b++, to += 16 * block::n_inputs) {
        unpack_block(*b, to);
    }
}

} // namespace

KERNEL static void unpack_q4_k(const char * blocks, int64_t n, void * panel) {
    unpack<q4_k_block>(blocks, n, panel);
}

KERNEL static void unpack_q5_k(const char * blocks, int64_t n, void * panel) {
    unpack<q5_k_block>(blocks, n, panel);
}

KERNEL static void unpack_q6_k(const char * blocks, int64_t n, void * panel) {
    unpack<q6_k_block>(blocks, n, panel);
}

KERNEL static void unpack_q8_0(const char * blocks, int64_t n, void * panel) {
    unpack<q8_0_block>(blocks, n, panel);
}

template <class block>
static constexpr tiled_format format_of(void (*unpack)(const char * blocks, int64_t n, void * panel)) {
    return {block::n_inputs, sizeof(block), unpack};
}

const tiled_format * amx_tiled_format(ggml_type type) {
    static constexpr tiled_format q4_k = format_of<q4_k_block>(unpack_q4_k), q5_k = format_of<q5_k_block>(unpack_q5_k),
                                  q6_k = format_of<q6_k_block>(unpack_q6_k), q8_0 = format_of<q8_0_block>(unpack_q8_0);
    switch (type) {
    case GGML_TYPE_Q4_K:
        return &q4_k;
    case GGML_TYPE_Q5_K:
        return &q5_k;
    case GGML_TYPE_Q6_K:
        return &q6_k;
    case GGML_TYPE_Q8_0:
        return &q8_0;
    default:
        return nullptr;
    }
}

} // namespace bllossom

#else

namespace bllossom {

const tiled_format * amx_tiled_format(ggml_type) {
    return nullptr;
}

} // namespace bllossom

#endif
