// Compiled for AVX-512 with BF16; what block-kernels-avx2.cpp says about code that not every CPU can run holds here
// too.
//
// A block has four inputs of 16 outputs in 64 bytes, and the bits of a number that do not fill a byte apart from each
// other. Here the 16 outputs are the lanes of a vector all along: the scales of a group are, and an input of all of
// them is a shift away.

#include "tiled-weights.h"

#if defined(__linux__) && defined(__x86_64__) && defined(__AVX512BF16__)

#include "amx-tiles.h"
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

/** Four bits of every byte, from bit `first` on. */
template <int first> struct nibbles {
    static constexpr int mask = 0x000f000f; // of a number in each half
    __m512i x;

    /** In the lower bits of its byte. */
    INLINE __m512i bytes() const { return _mm512_srli_epi32(x, first); }

    /** The number in the lowest four bits of each lane is looked up: cheaper than to cut it out and convert it. */
    template <int bit> INLINE __m512 get() const {
        const __m512 table = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        return _mm512_permutexvar_ps(_mm512_srli_epi32(x, bit + first), table);
    }
};

struct unsigned_bytes {
    static constexpr int mask = 0x00ff00ff;
    __m512i x;

    INLINE __m512i bytes() const { return x; }
    template <int bit> INLINE __m512 get() const {
        return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(x, bit), _mm512_set1_epi32(255)));
    }
};

struct signed_bytes {
    __m512i x;
    template <int bit> INLINE __m512 get() const {
        return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(x, 24 - bit), 24));
    }
};

/** Left for n > 0, right for n < 0. */
template <int n> INLINE __m512i shift(__m512i x) {
    return n >= 0 ? _mm512_slli_epi32(x, n >= 0 ? n : 0) : _mm512_srli_epi32(x, n < 0 ? -n : 0);
}

/** Nibbles from bit `first` on, and above them `n_high` bits of other bytes, from bit `first_high` on. */
template <int first, int first_high, int n_high> INLINE unsigned_bytes join(__m512i x, __m512i high) {
    const __m512i low4 = _mm512_set1_epi8(15), all = _mm512_set1_epi8((16 << n_high) - 1);
    const __m512i joined = _mm512_ternarylogic_epi32(low4, shift<-first>(x), shift<4 - first_high>(high), 0xca);
    return {_mm512_and_si512(joined, all)};
}

// Blocks. scale(g): of a group; four<i>(g): its inputs 4 i to 4 i + 3

/** Of the group g of a block with minima. */
template <class block> INLINE group_scale scale_and_minimum(const block & b, int g) {
    const __m512i pairs = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(b.mins[g / 2])));
    const __m512 mins   = _mm512_cvtepi32_ps(
          _mm512_and_si512(_mm512_srl_epi32(pairs, _mm_cvtsi32_si128(8 * (g % 2))), _mm512_set1_epi32(255)));
    return {_mm512_mul_ps(load_halves(b.d), load_unsigned(b.scales[g])),
            _mm512_fnmadd_ps(load_halves(b.dmin), mins, _mm512_setzero_ps())};
}

/** Nibbles, scales of a byte each, minima of which two groups lie side by side, d and dmin. */
struct q4_k_block {
    static constexpr int n_groups = 8, n_fours = 8;
    uint8_t qs[8][4][64];
    uint8_t scales[8][16];
    uint8_t mins[4][16][2];
    uint8_t d[32], dmin[32];

    INLINE group_scale scale(int g) const { return scale_and_minimum(*this, g); }
    template <int i> INLINE nibbles<i % 2 * 4> four(int g) const { return {load_bytes(*this, qs[g][i / 2])}; }
};

/** The same with a fifth bit. */
struct q5_k_block {
    static constexpr int n_groups = 8, n_fours = 8;
    uint8_t qs[8][4][64];
    uint8_t qh[8][64];
    uint8_t scales[8][16];
    uint8_t mins[4][16][2];
    uint8_t d[32], dmin[32];

    INLINE group_scale scale(int g) const { return scale_and_minimum(*this, g); }
    template <int i> INLINE unsigned_bytes four(int g) const {
        return join<i % 2 * 4, i, 1>(load_bytes(*this, qs[g][i / 2]), load_bytes(*this, qh[g]));
    }
};

/** Nibbles, two bits more, signed scales, d; 32 is subtracted. */
struct q6_k_block {
    static constexpr int n_groups = 16, n_fours = 4;
    uint8_t qs[16][2][64];
    uint8_t qh[16][64];
    uint8_t scales[16][16];
    uint8_t d[32];

    INLINE group_scale scale(int g) const {
        const __m512 factor = _mm512_mul_ps(load_halves(d), load_signed(scales[g]));
        return {factor, _mm512_mul_ps(factor, _mm512_set1_ps(-32.0f))};
    }
    template <int i> INLINE unsigned_bytes four(int g) const {
        return join<i % 2 * 4, 2 * i, 2>(load_bytes(*this, qs[g][i / 2]), load_bytes(*this, qh[g]));
    }
};

/** Signed bytes, d, and what ggml's kernel for one row subtracts. */
struct q8_0_block {
    static constexpr int n_groups = 1, n_fours = 8;
    uint8_t qs[8][64];
    uint8_t d[32];
    uint8_t compensation[64];

    INLINE group_scale scale(int) const { return {load_halves(d), _mm512_setzero_ps()}; }
    template <int i> INLINE signed_bytes four(int) const { return {load_bytes(*this, qs[i])}; }
};

template <class block> constexpr int n_group_inputs = 4 * block::n_fours;
template <class block> constexpr int n_block_inputs = block::n_groups * n_group_inputs<block>;

template <class block> INLINE void unpack(const char * blocks, int64_t n, void * panel) {
    const auto * b = reinterpret_cast<const block *>(blocks);
    auto * to      = static_cast<uint16_t *>(panel);
    for (int64_t i = 0; i < n; i += n_block_inputs<block>, b++) {
        for (int g = 0; g < block::n_groups; g++, to += block::n_fours * n_four) {
            const group_scale scale = b->scale(g);
            store_four(b->template four<0>(g), scale, to);
            store_four(b->template four<1>(g), scale, to + n_four);
            store_four(b->template four<2>(g), scale, to + 2 * n_four);
            store_four(b->template four<3>(g), scale, to + 3 * n_four);
            if constexpr (block::n_fours == 8) {
                store_four(b->template four<4>(g), scale, to + 4 * n_four);
                store_four(b->template four<5>(g), scale, to + 5 * n_four);
                store_four(b->template four<6>(g), scale, to + 6 * n_four);
                store_four(b->template four<7>(g), scale, to + 7 * n_four);
            }
        }
    }
}

/** Sums of a group, for each row; of few rows in several parts, so that an addition need not wait for the last. */
template <int n_rows> struct group_sums {
    static constexpr int n_parts = n_rows == 1 ? 4 : n_rows < 4 ? 2 : 1;
    __m512 x[n_rows][n_parts];

    INLINE group_sums() {
        for (auto & row : x) {
            for (__m512 & part : row) {
                part = _mm512_setzero_ps();
            }
        }
    }

    template <int i> INLINE void add(__m512 weights, const few_rows & rows, int64_t input) {
        for (int r = 0; r < n_rows; r++) {
            __m512 & part = x[r][i % n_parts];
            part          = _mm512_fmadd_ps(weights, _mm512_set1_ps(rows.x[r * rows.stride + input]), part);
        }
    }

    template <class numbers> INLINE void add_four(const numbers & of, const few_rows & rows, int64_t input) {
        add<0>(of.template get<0>(), rows, input);
        add<1>(of.template get<8>(), rows, input + 1);
        add<2>(of.template get<16>(), rows, input + 2);
        add<3>(of.template get<24>(), rows, input + 3);
    }

    INLINE __m512 of(int r) const {
        __m512 sum = x[r][0];
        for (int i = 1; i < n_parts; i++) {
            sum = _mm512_add_ps(sum, x[r][i]);
        }
        return sum;
    }
};

template <class block, int n_rows>
INLINE void multiply_rows(const char * blocks, int64_t n, const few_rows & rows, float * out, int64_t out_stride) {
    __m512 outputs[n_rows];
    for (__m512 & output : outputs) {
        output = _mm512_setzero_ps();
    }
    const auto * b = reinterpret_cast<const block *>(blocks);
    int64_t group  = 0;
    for (int64_t input = 0; input < n; b++) {
        for (int g = 0; g < block::n_groups; g++, group++, input += n_group_inputs<block>) {
            group_sums<n_rows> sums;
            sums.add_four(b->template four<0>(g), rows, input);
            sums.add_four(b->template four<1>(g), rows, input + 4);
            sums.add_four(b->template four<2>(g), rows, input + 8);
            sums.add_four(b->template four<3>(g), rows, input + 12);
            if constexpr (block::n_fours == 8) {
                sums.add_four(b->template four<4>(g), rows, input + 16);
                sums.add_four(b->template four<5>(g), rows, input + 20);
                sums.add_four(b->template four<6>(g), rows, input + 24);
                sums.add_four(b->template four<7>(g), rows, input + 28);
            }
            const group_scale scale = b->scale(g);
            for (int r = 0; r < n_rows; r++) {
                const __m512 all = _mm512_set1_ps(rows.sums[r * rows.sums_stride + group]);
                outputs[r]       = _mm512_fmadd_ps(scale.factor, sums.of(r), outputs[r]);
                outputs[r]       = _mm512_fmadd_ps(scale.offset, all, outputs[r]);
            }
        }
    }
    for (int r = 0; r < n_rows; r++) {
        _mm512_storeu_ps(out + r * out_stride, outputs[r]);
    }
}

template <class block>
INLINE void multiply(const char * blocks, int64_t n, const few_rows & rows, float * out, int64_t out_stride) {
    switch (rows.n_rows) {
    case 1:
        return multiply_rows<block, 1>(blocks, n, rows, out, out_stride);
    case 2:
        return multiply_rows<block, 2>(blocks, n, rows, out, out_stride);
    case 3:
        return multiply_rows<block, 3>(blocks, n, rows, out, out_stride);
    case 4:
        return multiply_rows<block, 4>(blocks, n, rows, out, out_stride);
    case 5:
        return multiply_rows<block, 5>(blocks, n, rows, out, out_stride);
    default:
        return multiply_rows<block, 6>(blocks, n, rows, out, out_stride);
    }
}

/** Whole numbers n below 128 become 128 + n in BF16, whose lowest bits they are. */
constexpr float bias    = 128;
constexpr int bias_bits = 0x43004300;

/** Four inputs: two rows of pairs. */
template <class numbers> INLINE void store_biased(const numbers & of, uint16_t * to) {
    const __m512i first  = _mm512_set4_epi32(int(0x800d800c), int(0x80098008), int(0x80058004), int(0x80018000));
    const __m512i second = _mm512_add_epi8(first, _mm512_set1_epi16(2)); // a byte above 127 is a zero
    const __m512i mask = _mm512_set1_epi32(numbers::mask), above = _mm512_set1_epi32(bias_bits), bytes = of.bytes();
    _mm512_store_si512(to, _mm512_ternarylogic_epi32(_mm512_shuffle_epi8(bytes, first), mask, above, 0xea));
    _mm512_store_si512(to + 32, _mm512_ternarylogic_epi32(_mm512_shuffle_epi8(bytes, second), mask, above, 0xea));
}

/** Groups of a panel that are multiplied before their sums leave the tiles' memory: they stay in the first level. */
template <class block> struct group_products {
    static constexpr int n_groups = 8, n_inner = n_group_inputs<block>;

    alignas(64) uint16_t weights[n_groups][16 * n_inner];
    alignas(64) float sums[n_groups][rounded_rows::most][16];
    __m512 factors[n_groups], offsets[n_groups];

    INLINE void unpack(const block & b, int first) {
        for (int i = 0; i < n_groups; i++) {
            const int g             = first + i;
            const group_scale scale = b.scale(g);
            factors[i]              = scale.factor;
            offsets[i]              = _mm512_fnmadd_ps(scale.factor, _mm512_set1_ps(bias), scale.offset);
            store_biased(b.template four<0>(g), weights[i]);
            store_biased(b.template four<1>(g), weights[i] + n_four);
            store_biased(b.template four<2>(g), weights[i] + 2 * n_four);
            store_biased(b.template four<3>(g), weights[i] + 3 * n_four);
            if constexpr (block::n_fours == 8) {
                store_biased(b.template four<4>(g), weights[i] + 4 * n_four);
                store_biased(b.template four<5>(g), weights[i] + 5 * n_four);
                store_biased(b.template four<6>(g), weights[i] + 6 * n_four);
                store_biased(b.template four<7>(g), weights[i] + 7 * n_four);
            }
        }
    }

    /** x: the inputs of the first group; stride: bytes from row to row */
    INLINE void multiply(const char * x, int64_t stride) {
        for (int i = 0; i < n_groups; i += 2) {
            TILE_LOAD(6, weights[i], 64);
            TILE_LOAD(4, x + 2 * n_inner * i, stride);
            TILE_ZERO(0);
            TILE_MULTIPLY(0, 4, 6);
            TILE_LOAD(7, weights[i + 1], 64);
            TILE_LOAD(5, x + 2 * n_inner * (i + 1), stride);
            TILE_ZERO(1);
            TILE_MULTIPLY(1, 5, 7);
            TILE_STORE(0, sums[i], 64);
            TILE_STORE(1, sums[i + 1], 64);
        }
    }

    /** input_sums: of the first group, for each row */
    INLINE void add_to(__m512 * outputs, int n_rows, const float * input_sums, int64_t sums_stride) const {
        for (int r = 0; r < n_rows; r++, input_sums += sums_stride) {
            __m512 scaled = outputs[r], shifted = _mm512_setzero_ps();
            for (int i = 0; i < n_groups; i++) {
                scaled  = _mm512_fmadd_ps(factors[i], _mm512_load_ps(sums[i][r]), scaled);
                shifted = _mm512_fmadd_ps(offsets[i], _mm512_set1_ps(input_sums[i]), shifted);
            }
            outputs[r] = _mm512_add_ps(scaled, shifted);
        }
    }
};

template <class block>
INLINE void multiply_rounded(const char * blocks, int64_t n, const rounded_rows & rows, float * out,
                             int64_t out_stride) {
    __m512 outputs[rounded_rows::most];
    for (int r = 0; r < rows.n_rows; r++) {
        outputs[r] = _mm512_setzero_ps();
    }
    using products = group_products<block>;
    products at;
    const tile_state before;
    tile_config(rows.n_rows, rows.n_rows, products::n_inner).load();
    const auto * b   = reinterpret_cast<const block *>(blocks);
    const auto * x   = static_cast<const char *>(rows.x);
    const float * xs = rows.sums;
    for (int64_t i = 0; i < n; i += n_block_inputs<block>, b++) {
        for (int g = 0; g < block::n_groups; g += products::n_groups) {
            at.unpack(*b, g);
            at.multiply(x, 2 * rows.stride);
            at.add_to(outputs, rows.n_rows, xs, rows.sums_stride);
            x += 2 * products::n_inner * products::n_groups;
            xs += products::n_groups;
        }
    }
    for (int r = 0; r < rows.n_rows; r++) {
        _mm512_storeu_ps(out + r * out_stride, outputs[r]);
    }
}

/** 16 elements as floats. */
INLINE __m512 load_elements(const uint16_t * from) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

template <class block> INLINE void sum_groups(const void * x, int64_t n, float * sums) {
    const auto * from = static_cast<const uint16_t *>(x);
    for (int64_t i = 0; i < n; i += n_group_inputs<block>) {
        __m512 sum = load_elements(from + i);
        if (n_group_inputs<block> == 32) {
            sum = _mm512_add_ps(sum, load_elements(from + i + 16));
        }
        sums[i / n_group_inputs<block>] = _mm512_reduce_add_ps(sum);
    }
}

} // namespace

KERNEL static void sum_groups_of_32(const void * x, int64_t n, float * sums) {
    sum_groups<q4_k_block>(x, n, sums);
}

KERNEL static void sum_groups_of_16(const void * x, int64_t n, float * sums) {
    sum_groups<q6_k_block>(x, n, sums);
}

KERNEL static void unpack_q4_k(const char * blocks, int64_t n, void * panel) {
    unpack<q4_k_block>(blocks, n, panel);
}

KERNEL static void multiply_q4_k(const char * blocks, int64_t n, const few_rows & rows, float * out,
                                 int64_t out_stride) {
    multiply<q4_k_block>(blocks, n, rows, out, out_stride);
}

KERNEL static void multiply_rounded_q4_k(const char * blocks, int64_t n, const rounded_rows & rows, float * out,
                                         int64_t out_stride) {
    multiply_rounded<q4_k_block>(blocks, n, rows, out, out_stride);
}

KERNEL static void unpack_q5_k(const char * blocks, int64_t n, void * panel) {
    unpack<q5_k_block>(blocks, n, panel);
}

KERNEL static void multiply_q5_k(const char * blocks, int64_t n, const few_rows & rows, float * out,
                                 int64_t out_stride) {
    multiply<q5_k_block>(blocks, n, rows, out, out_stride);
}

KERNEL static void multiply_rounded_q5_k(const char * blocks, int64_t n, const rounded_rows & rows, float * out,
                                         int64_t out_stride) {
    multiply_rounded<q5_k_block>(blocks, n, rows, out, out_stride);
}

KERNEL static void unpack_q6_k(const char * blocks, int64_t n, void * panel) {
    unpack<q6_k_block>(blocks, n, panel);
}

KERNEL static void multiply_q6_k(const char * blocks, int64_t n, const few_rows & rows, float * out,
                                 int64_t out_stride) {
    multiply<q6_k_block>(blocks, n, rows, out, out_stride);
}

KERNEL static void multiply_rounded_q6_k(const char * blocks, int64_t n, const rounded_rows & rows, float * out,
                                         int64_t out_stride) {
    multiply_rounded<q6_k_block>(blocks, n, rows, out, out_stride);
}

KERNEL static void unpack_q8_0(const char * blocks, int64_t n, void * panel) {
    unpack<q8_0_block>(blocks, n, panel);
}

KERNEL static void multiply_q8_0(const char * blocks, int64_t n, const few_rows & rows, float * out,
                                 int64_t out_stride) {
    multiply<q8_0_block>(blocks, n, rows, out, out_stride);
}

template <class block>
static constexpr tiled_format format_of(decltype(tiled_format::unpack) unpack,
                                        decltype(tiled_format::multiply) multiply,
                                        decltype(tiled_format::multiply_rounded) multiply_rounded) {
    return {n_block_inputs<block>,
            n_group_inputs<block>,
            sizeof(block),
            unpack,
            multiply,
            multiply_rounded,
            n_group_inputs<block> == 32 ? sum_groups_of_32 : sum_groups_of_16};
}

const tiled_format * amx_tiled_format(ggml_type type) {
    static constexpr tiled_format q4_k = format_of<q4_k_block>(unpack_q4_k, multiply_q4_k, multiply_rounded_q4_k),
                                  q5_k = format_of<q5_k_block>(unpack_q5_k, multiply_q5_k, multiply_rounded_q5_k),
                                  q6_k = format_of<q6_k_block>(unpack_q6_k, multiply_q6_k, multiply_rounded_q6_k),
                                  q8_0 = format_of<q8_0_block>(unpack_q8_0, multiply_q8_0, nullptr);
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
