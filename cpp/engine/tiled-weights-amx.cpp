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

INLINE __m512i load_bytes(const uint8_t * from) {
    return _mm512_loadu_si512(from);
}

/** What a group of inputs is multiplied with, and what is added. */
struct group_scale {
    __m512 factor, offset;

    INLINE __m512 apply(__m512i x) const { return _mm512_fmadd_ps(_mm512_cvtepi32_ps(x), factor, offset); }
};

/** The even inputs of all outputs in the low halves, the odd ones in the high halves: two rows of a panel. */
INLINE void store_pairs(__m512 even, __m512 odd, uint16_t * to) {
    const __m512i both  = (__m512i) _mm512_cvtne2ps_pbh(odd, even); // the even ones first
    const __m512i order = _mm512_add_epi32(
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), // i, 16 + i
        _mm512_slli_epi32(_mm512_set_epi32(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16), 16));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, both));
}

/** `bits` of each lane, from bit i on. */
template <int i, int bits> INLINE __m512i field(__m512i x) {
    return _mm512_and_si512(_mm512_srli_epi32(x, i), _mm512_set1_epi32((1 << bits) - 1));
}

/** Four inputs; number(byte): the whole numbers of one of them. */
template <class numbers> INLINE void store_four(const numbers & of, const group_scale & scale, uint16_t * to) {
    store_pairs(scale.apply(of.template get<0>()), scale.apply(of.template get<8>()), to);
    store_pairs(scale.apply(of.template get<16>()), scale.apply(of.template get<24>()), to + 32);
}

constexpr int64_t n_four = 64; // elements of four inputs in a panel

/** Low or high four bits of the bytes. */
template <int first> struct nibbles {
    __m512i x;
    template <int byte> INLINE __m512i get() const { return field<byte + first, 4>(x); }
};

/** Those, and one bit or two above them from other bytes. */
template <int first, int high_first, int high_bits> struct nibbles_and_more {
    __m512i x, high;
    template <int byte> INLINE __m512i get() const {
        return _mm512_or_si512(field<byte + first, 4>(x),
                               _mm512_slli_epi32(field<byte + high_first, high_bits>(high), 4));
    }
};

struct signed_bytes {
    __m512i x;
    template <int byte> INLINE __m512i get() const { return _mm512_srai_epi32(_mm512_slli_epi32(x, 24 - byte), 24); }
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
            const __m512i bytes = load_bytes(b.qs[g][i]);
            store_four(nibbles<0>{bytes}, scale, to);
            store_four(nibbles<4>{bytes}, scale, to + n_four);
        }
    }
}

template <int i> INLINE void unpack_eight(const q5_k_block & b, int g, const group_scale & scale, uint16_t * to) {
    const __m512i bytes = load_bytes(b.qs[g][i]), high = load_bytes(b.qh[g]);
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
        const __m512i low = load_bytes(b.qs[g][0]), next = load_bytes(b.qs[g][1]), high = load_bytes(b.qh[g]);
        store_four(nibbles_and_more<0, 0, 2>{low, high}, scale, to);
        store_four(nibbles_and_more<4, 2, 2>{low, high}, scale, to + n_four);
        store_four(nibbles_and_more<0, 4, 2>{next, high}, scale, to + 2 * n_four);
        store_four(nibbles_and_more<4, 6, 2>{next, high}, scale, to + 3 * n_four);
    }
}

INLINE void unpack_block(const q8_0_block & b, uint16_t * to) {
    const group_scale scale = {load_halves(b.d), _mm512_setzero_ps()};
    for (int i = 0; i < 8; i++, to += n_four) {
        store_four(signed_bytes{load_bytes(b.qs[i])}, scale, to);
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
