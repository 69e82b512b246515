// Compiled for AVX-512 with VNNI. What block-kernels-avx2.cpp says about code that not every CPU can run holds here
// too.
//
// VNNI adds four products of bytes at a time into 32 bits. Sums of sixteen products of four bits, or of four of six,
// fit into 16 bits, so that the instruction for words multiplies them with their group's scale: the upper word of each
// is multiplied with 0. As in byte-kernels-avx2.cpp sums are whole numbers until the end of a block.

#include "byte-kernels.h"

#if defined(__AVX512F__)

#include "byte-blocks.h"
#include "floats-avx512.h"

#include <cstring>

#if defined(__ELF__)
#define KERNEL __attribute__((section("avx512_text")))
#else
#define KERNEL
#endif

namespace bllossom {

namespace {

INLINE __m512i load_wide(const void * from) {
    return _mm512_loadu_si512(from);
}

/** The same eight bytes eight times. */
INLINE __m512i load_eight(const int8_t * from) {
    int64_t bytes;
    std::memcpy(&bytes, from, sizeof(bytes));
    return _mm512_set1_epi64(bytes);
}

/** Each twice. */
INLINE __m512 from_halves(const uint16_t * halves) {
    const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i *>(halves));
    return _mm512_cvtph_ps(_mm256_set_m128i(_mm_unpackhi_epi16(all, all), _mm_unpacklo_epi16(all, all)));
}

INLINE __m512i low_bits(__m512i x) {
    return _mm512_and_si512(x, _mm512_set1_epi8(15));
}

INLINE __m512i high_bits(__m512i x) {
    return low_bits(_mm512_srli_epi16(x, 4));
}

/** Sums of eight outputs in two parts each. */
INLINE void store_outputs(__m512 outputs, float * to) {
    const __m512 sums   = _mm512_add_ps(outputs, _mm512_permute_ps(outputs, 0xb1));
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14);
    _mm256_storeu_ps(to, _mm512_castps512_ps256(_mm512_permutexvar_ps(evens, sums)));
}

INLINE void store_rows(const __m512 * sums, int64_t n_rows, float * out, int64_t out_stride) {
    for (int64_t r = 0; r < n_rows; r++) {
        store_outputs(sums[r], out + r * out_stride);
    }
}

// ---- Q4_K ----------------------------------------------------------------------------------------------------------

struct q4_k_factors {
    alignas(32) uint64_t scales[8]; // of a group: a byte for each output
    __m512i minima[2];              // pairs of 16 bits, for each output two: groups 0 1 and 4 5; 2 3 and 6 7

    INLINE explicit q4_k_factors(const uint8_t * packed) {
        const q4_k_fields fields(packed);
        auto * to = reinterpret_cast<__m256i *>(scales);
        _mm256_store_si256(to, _mm256_unpacklo_epi32(fields.scales[0], fields.scales[1]));     // groups 0 1 4 5
        _mm256_store_si256(to + 1, _mm256_unpackhi_epi32(fields.scales[0], fields.scales[1])); // 2 3 6 7
        for (int i = 0; i < 2; i++) {
            const __m512i by_turns = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            minima[i]              = _mm512_permutex2var_epi32(_mm512_castsi256_si512(fields.minima[i]), by_turns,
                                                               _mm512_castsi256_si512(fields.minima[i + 2]));
        }
    }

    INLINE __m512i scale(int group) const {
        const auto * eight = scales + (group / 2 % 2 * 4 + group / 4 * 2 + group % 2);
        const __m512i all  = _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(eight)));
        return _mm512_shuffle_epi32(all, _MM_PERM_CCAA);
    }

    /** The minima times the sums of the inputs. */
    INLINE __m512i offsets(const q8_k_block & x) const {
        const __m256i sums  = load(x.sums);
        const __m512i pairs = _mm512_castsi256_si512(_mm256_hadd_epi16(sums, sums)); // 0 1 2 3 twice, 4 5 6 7 twice
        const __m512i first = _mm512_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4);
        const __m512i next  = _mm512_add_epi32(first, _mm512_set1_epi32(1));
        const __m512i half =
            _mm512_dpwssd_epi32(_mm512_setzero_si512(), minima[0], _mm512_permutexvar_epi32(first, pairs));
        return _mm512_dpwssd_epi32(half, minima[1], _mm512_permutexvar_epi32(next, pairs));
    }
};

/** Adds a block to the outputs. */
INLINE __m512 add_q4_k(__m512 outputs, __m512i sums, __m512 d, __m512 dmin, const q4_k_factors & factors,
                       const q8_k_block & x) {
    const __m512 factor = _mm512_set1_ps(x.d);
    outputs             = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), _mm512_mul_ps(d, factor), outputs);
    return _mm512_fnmadd_ps(_mm512_cvtepi32_ps(factors.offsets(x)), _mm512_mul_ps(dmin, factor), outputs);
}

INLINE __m512 multiply_row(const q4_k_panel * w, int64_t n_blocks, const q8_k_block * x) {
    __m512 outputs = _mm512_setzero_ps();
    for (int64_t i = 0; i < n_blocks; i++) {
        const q4_k_factors factors(w[i].scales);
        __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        for (int pair = 0; pair < 4; pair++) {
            const int8_t * inputs = x[i].qs + 64 * pair;
            __m512i even = _mm512_setzero_si512(), odd = even;
            for (int k = 0; k < 4; k++) {
                const __m512i both = load_wide(w[i].qs[pair][k]);
                even               = _mm512_dpbusd_epi32(even, low_bits(both), load_eight(inputs + 8 * k));
                odd                = _mm512_dpbusd_epi32(odd, high_bits(both), load_eight(inputs + 32 + 8 * k));
            }
            sums[0] = _mm512_dpwssd_epi32(sums[0], even, factors.scale(2 * pair));
            sums[1] = _mm512_dpwssd_epi32(sums[1], odd, factors.scale(2 * pair + 1));
        }
        outputs = add_q4_k(outputs, _mm512_add_epi32(sums[0], sums[1]), from_halves(w[i].d), from_halves(w[i].dmin),
                           factors, x[i]);
    }
    return outputs;
}

/** A block whose weights are bytes. */
struct q4_k_bytes {
    static constexpr int n_together = 8; // rows

    __m512i weights[8][4], scales[8];
    q4_k_factors factors;
    __m512 d, dmin;

    INLINE explicit q4_k_bytes(const q4_k_panel & w)
        : factors(w.scales), d(from_halves(w.d)), dmin(from_halves(w.dmin)) {
        for (int pair = 0; pair < 4; pair++) {
            for (int k = 0; k < 4; k++) {
                const __m512i both = load_wide(w.qs[pair][k]);
                fetch_ahead(w, w.qs[pair][k]);
                weights[2 * pair][k]     = low_bits(both);
                weights[2 * pair + 1][k] = high_bits(both);
            }
        }
        for (int group = 0; group < 8; group++) {
            scales[group] = factors.scale(group);
        }
    }

    template <int n_rows> INLINE void multiply(const q8_k_block * const (&x)[n_rows], __m512 * const (&out)[n_rows]) {
        __m512i sums[n_rows];
        for (__m512i & sum : sums) {
            sum = _mm512_setzero_si512();
        }
        for (int group = 0; group < 8; group++) {
            __m512i products[n_rows];
            for (__m512i & product : products) {
                product = _mm512_setzero_si512();
            }
            for (int k = 0; k < 4; k++) {
                const __m512i own = weights[group][k];
                for (int r = 0; r < n_rows; r++) {
                    products[r] = _mm512_dpbusd_epi32(products[r], own, load_eight(x[r]->qs + 32 * group + 8 * k));
                }
            }
            for (int r = 0; r < n_rows; r++) {
                sums[r] = _mm512_dpwssd_epi32(sums[r], products[r], scales[group]);
            }
        }
        for (int r = 0; r < n_rows; r++) {
            *out[r] = add_q4_k(*out[r], sums[r], d, dmin, factors, *x[r]);
        }
    }
};

// ---- Q6_K ----------------------------------------------------------------------------------------------------------

/** 64 weights at a time, from 0 to 63 instead of -32 to 31; i: 0 … 3 */
template <int i> INLINE __m512i six_bits(const q6_k_block & w) {
    constexpr int half         = i / 2;
    constexpr bool is_low      = i % 2 == 0;
    const __m512i low          = load_wide(w.ql[half]);
    const __m512i high         = _mm512_broadcast_i64x4(load(w.qh[half]));
    const __m512i shifts       = _mm512_inserti64x4(_mm512_set1_epi16(is_low ? 4 : 0), _mm256_set1_epi16(2), 1);
    const __m512i moved        = is_low ? _mm512_sllv_epi16(high, shifts) : _mm512_srlv_epi16(high, shifts);
    const __m512i top          = _mm512_and_si512(moved, _mm512_set1_epi8(0x30));
    constexpr int a_and_b_or_c = 0xea;
    return _mm512_ternarylogic_epi32(is_low ? low : _mm512_srli_epi16(low, 4), _mm512_set1_epi8(15), top, a_and_b_or_c);
}

/** A block of a row, as vectors. */
struct q6_k_inputs {
    __m512i x[4];
    __m256i sums;

    INLINE explicit q6_k_inputs(const q8_k_block & block)
        : x{load_wide(block.qs), load_wide(block.qs + 64), load_wide(block.qs + 128), load_wide(block.qs + 192)},
          sums(load(block.sums)) {}
};

/** A block of an output, its weights as bytes. */
struct q6_k_output {
    __m512i weights[4];
    __m512i scales[2]; // 16 bits for each sum of four products that the weights of two vectors have a part in
    __m256i offsets;   // of a group: what weights that are 32 too large need for the sum of inputs

    INLINE q6_k_output() = default;

    INLINE explicit q6_k_output(const q6_k_block & w)
        : weights{six_bits<0>(w), six_bits<1>(w), six_bits<2>(w), six_bits<3>(w)} {
        const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i *>(w.scales));
        scales[0]         = scale<0>(all);
        scales[1]         = scale<8>(all);
        offsets           = _mm256_mullo_epi16(_mm256_cvtepi8_epi16(all), _mm256_set1_epi16(-32));
    }

    /** In 16 parts. */
    INLINE __m512i multiply(const q6_k_inputs & inputs) const {
        const __m512i zero = _mm512_setzero_si512();
        __m512i sums       = _mm512_zextsi256_si512(_mm256_madd_epi16(offsets, inputs.sums));
        for (int i = 0; i < 4; i += 2) {
            const __m512i products = _mm512_packs_epi32(_mm512_dpbusd_epi32(zero, weights[i], inputs.x[i]),
                                                        _mm512_dpbusd_epi32(zero, weights[i + 1], inputs.x[i + 1]));
            sums                   = _mm512_dpwssd_epi32(sums, products, scales[i / 2]);
        }
        return sums;
    }

  private:
    /** Of eight groups from the first on; each quarter of a vector has two of them, four times. */
    template <int first> static INLINE __m512i scale(__m128i all) {
        // Into the upper byte of each word, and down from there with its sign.
        const __m512i quarters = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
        const __m512i seconds  = _mm512_maskz_set1_epi32(0xcccc, 4);
        const __m512i groups   = _mm512_add_epi32(_mm512_add_epi32(quarters, seconds), _mm512_set1_epi32(first));
        const __m512i places   = _mm512_or_si512(_mm512_slli_epi32(groups, 24), _mm512_slli_epi32(groups, 8));
        return _mm512_srai_epi16(_mm512_shuffle_epi8(_mm512_broadcast_i32x4(all), places), 8);
    }
};

/** The sums of eight outputs in two parts each. */
INLINE __m512i fold(const __m512i (&sums)[8]) {
    __m512i pairs[4], quads[2];
    for (int i = 0; i < 4; i++) {
        pairs[i] = _mm512_add_epi32(_mm512_unpacklo_epi64(sums[2 * i], sums[2 * i + 1]),
                                    _mm512_unpackhi_epi64(sums[2 * i], sums[2 * i + 1]));
    }
    for (int i = 0; i < 2; i++) {
        quads[i] = _mm512_add_epi32(_mm512_shuffle_i32x4(pairs[2 * i], pairs[2 * i + 1], 0x88),
                                    _mm512_shuffle_i32x4(pairs[2 * i], pairs[2 * i + 1], 0xdd));
    }
    return _mm512_add_epi32(_mm512_shuffle_i32x4(quads[0], quads[1], 0x88),
                            _mm512_shuffle_i32x4(quads[0], quads[1], 0xdd));
}

/** The blocks of one place in eight outputs. */
struct q6_k_blocks {
    const q6_k_block * first;
    int64_t stride; // blocks from output to output
    const q6_k_block * ahead;

    INLINE const q6_k_block & of_output(int64_t i) const { return first[i * stride]; }

    INLINE __m512 factors() const {
        uint16_t halves[8];
        for (int64_t i = 0; i < 8; i++) {
            halves[i] = of_output(i).d;
        }
        return from_halves(halves);
    }

    /** Asks for one of eight blocks of the next panel: a CPU does not foresee what is read in eight places by turns. */
    INLINE void fetch_ahead(int64_t i) const {
        const auto * from = reinterpret_cast<const char *>(ahead + i);
        for (size_t at = 0; at < sizeof(q6_k_block); at += 64) {
            _mm_prefetch(from + at, _MM_HINT_T1);
        }
    }
};

/** Eight outputs, row after row of blocks. */
struct q6_k_panel {
    const q6_k_block * first;
    int64_t n_blocks;

    INLINE q6_k_blocks operator[](int64_t i) const {
        return {first + i, n_blocks, first + 8 * n_blocks + 8 * i}; // as memory has them: the next panel follows
    }
};

/** Adds a block to the outputs. d: of the weights */
INLINE __m512 add_q6_k(__m512 outputs, const __m512i (&sums)[8], __m512 d, const q8_k_block & x) {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(fold(sums)), _mm512_mul_ps(d, _mm512_set1_ps(x.d)), outputs);
}

INLINE __m512 multiply_row(const q6_k_panel & w, const q8_k_block * x) {
    __m512 outputs = _mm512_setzero_ps();
    for (int64_t i = 0; i < w.n_blocks; i++) {
        const q6_k_inputs inputs(x[i]);
        const q6_k_blocks blocks = w[i];
        __m512i sums[8];
        for (int k = 0; k < 8; k++) {
            blocks.fetch_ahead(k);
            sums[k] = q6_k_output(blocks.of_output(k)).multiply(inputs);
        }
        outputs = add_q6_k(outputs, sums, blocks.factors(), x[i]);
    }
    return outputs;
}

/** A block of each of eight outputs, its weights as bytes. */
struct q6_k_bytes {
    static constexpr int n_together = 1; // rows

    q6_k_output outputs[8];
    __m512 d;

    INLINE explicit q6_k_bytes(const q6_k_blocks & blocks) : d(blocks.factors()) {
        for (int k = 0; k < 8; k++) {
            blocks.fetch_ahead(k);
            outputs[k] = q6_k_output(blocks.of_output(k));
        }
    }

    template <int n_rows> INLINE void multiply(const q8_k_block * const (&x)[n_rows], __m512 * const (&out)[n_rows]) {
        for (int r = 0; r < n_rows; r++) {
            const q6_k_inputs inputs(*x[r]);
            __m512i sums[8];
            for (int k = 0; k < 8; k++) {
                sums[k] = outputs[k].multiply(inputs);
            }
            *out[r] = add_q6_k(*out[r], sums, d, *x[r]);
        }
    }
};

} // namespace

KERNEL static void round(const float * from, int64_t n, void * to) {
    round_row<floats>(from, n, to);
}

KERNEL static void multiply_q4_k(const char * panel, int64_t n_in, const byte_rows & rows, float * out,
                                 int64_t out_stride) {
    const auto * w         = reinterpret_cast<const q4_k_panel *>(panel);
    const int64_t n_blocks = n_in / n_block;
    if (rows.n == 1) {
        return store_outputs(multiply_row(w, n_blocks, row_of(rows, 0)), out);
    }
    __m512 outputs[byte_kernels::most_rows];
    multiply_rows<q4_k_bytes>(w, n_blocks, rows, outputs);
    store_rows(outputs, rows.n, out, out_stride);
}

KERNEL static void multiply_q6_k(const char * panel, int64_t n_in, const byte_rows & rows, float * out,
                                 int64_t out_stride) {
    const q6_k_panel w = {reinterpret_cast<const q6_k_block *>(panel), n_in / n_block};
    if (rows.n == 1) {
        return store_outputs(multiply_row(w, row_of(rows, 0)), out);
    }
    __m512 outputs[byte_kernels::most_rows];
    multiply_rows<q6_k_bytes>(w, w.n_blocks, rows, outputs);
    store_rows(outputs, rows.n, out, out_stride);
}

const byte_kernels * avx512_byte_kernels() {
    static constexpr byte_kernels kernels = {round, multiply_q4_k, multiply_q6_k};
    return &kernels;
}

} // namespace bllossom

#else

namespace bllossom {

const byte_kernels * avx512_byte_kernels() {
    return nullptr;
}

} // namespace bllossom

#endif
