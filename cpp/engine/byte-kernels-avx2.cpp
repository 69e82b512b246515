// Compiled for AVX2, FMA and F16C. What block-kernels-avx2.cpp says about code that not every CPU can run holds here
// too.
//
// Products of a weight of four or six bits and a byte fit into 16 bits, and so do the sums of a group's products: they
// are multiplied with the group's scale only then. A few rows take weights as they lie, one after the
// other; for more of them a block is unpacked once and stays in the first level of the cache while they pass by. The
// sums are whole numbers until the end of a block, so that both ways give the same floats.

#include "byte-kernels.h"

#if defined(__AVX2__)

#include "byte-blocks.h"
#include "floats-avx2.h"

#include <cstring>

#if defined(__ELF__)
#define KERNEL __attribute__((section("avx2_text")))
#else
#define KERNEL
#endif

// Before a loop of four: as a whole it would need more registers than there are.
#if defined(__clang__)
#define UNROLL_TWICE _Pragma("unroll 2")
#elif defined(__GNUC__)
#define UNROLL_TWICE _Pragma("GCC unroll 2")
#else
#define UNROLL_TWICE
#endif

namespace bllossom {

namespace {

constexpr int64_t n_few = 3; // rows for which it does not pay to unpack weights

/** The same eight bytes four times. */
INLINE __m256i load_eight(const int8_t * from) {
    int64_t bytes;
    std::memcpy(&bytes, from, sizeof(bytes));
    return _mm256_set1_epi64x(bytes);
}

INLINE __m256 from_halves(const uint16_t * halves) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(halves)));
}

// ---- Q4_K ----------------------------------------------------------------------------------------------------------

/** The scales and minima of a block of eight outputs. */
struct q4_k_factors {
    alignas(32) uint32_t scales[2][8]; // of the first and the last four outputs, for each group: a byte each
    __m256i minima[4];                 // of two groups: a pair of 16 bits for each output

    INLINE explicit q4_k_factors(const uint8_t * packed) {
        const q4_k_fields fields(packed);
        for (int i = 0; i < 2; i++) {
            _mm256_store_si256(reinterpret_cast<__m256i *>(scales[i]), fields.scales[i]);
        }
        for (int i = 0; i < 4; i++) {
            minima[i] = fields.minima[i];
        }
    }

    /** Of half the outputs in a group, four times each, as 16 bits. */
    INLINE __m256i scale(int group, int half) const {
        const __m256i four = _mm256_setr_epi8(0, -1, 0, -1, 0, -1, 0, -1, 1, -1, 1, -1, 1, -1, 1, -1, 2, -1, 2, -1, 2,
                                              -1, 2, -1, 3, -1, 3, -1, 3, -1, 3, -1);
        return _mm256_shuffle_epi8(_mm256_set1_epi32(int(scales[half][group])), four);
    }

    /** Of each output, the minima times the sums of the inputs. */
    INLINE __m256i offsets(const q8_k_block & x) const {
        const __m256i sums  = load(x.sums);
        const __m256i pairs = _mm256_hadd_epi16(sums, sums); // 0 1 2 3 twice, 4 5 6 7 twice
        return _mm256_add_epi32(_mm256_add_epi32(offset<0>(pairs), offset<1>(pairs)),
                                _mm256_add_epi32(offset<2>(pairs), offset<3>(pairs)));
    }

  private:
    /** Of two groups. */
    template <int i> INLINE __m256i offset(__m256i pairs) const {
        const __m256i pair = _mm256_permutevar8x32_epi32(pairs, _mm256_set1_epi32(i / 2 * 4 + i % 2));
        return _mm256_madd_epi16(minima[i], pair);
    }
};

/** The sums of a group's products: eight inputs of the first four and of the last four outputs at a time. */
struct q4_k_group {
    __m256i x[2];

    INLINE q4_k_group() : x{_mm256_setzero_si256(), _mm256_setzero_si256()} {}

    INLINE void add(__m256i first, __m256i last, __m256i inputs) {
        x[0] = _mm256_add_epi16(x[0], _mm256_maddubs_epi16(first, inputs));
        x[1] = _mm256_add_epi16(x[1], _mm256_maddubs_epi16(last, inputs));
    }
};

/** The sums of a block, two numbers for each output. */
struct q4_k_sums {
    __m256i x[2];

    INLINE q4_k_sums() : x{_mm256_setzero_si256(), _mm256_setzero_si256()} {}

    INLINE void add(const q4_k_group & group, __m256i first_scale, __m256i last_scale) {
        x[0] = _mm256_add_epi32(x[0], _mm256_madd_epi16(group.x[0], first_scale));
        x[1] = _mm256_add_epi32(x[1], _mm256_madd_epi16(group.x[1], last_scale));
    }

    /** Adds a block to the outputs. */
    INLINE __m256 add_to(__m256 outputs, __m256 d, __m256 dmin, const q4_k_factors & factors,
                         const q8_k_block & block) const {
        const __m256i sums  = _mm256_permute4x64_epi64(_mm256_hadd_epi32(x[0], x[1]), 0xd8);
        const __m256 factor = _mm256_set1_ps(block.d);
        outputs             = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), _mm256_mul_ps(d, factor), outputs);
        return _mm256_fnmadd_ps(_mm256_cvtepi32_ps(factors.offsets(block)), _mm256_mul_ps(dmin, factor), outputs);
    }
};

INLINE void multiply_row(const q4_k_panel * w, int64_t n_blocks, const q8_k_block * x, float * out) {
    __m256 outputs = _mm256_setzero_ps();
    for (int64_t i = 0; i < n_blocks; i++) {
        const q4_k_factors factors(w[i].scales);
        q4_k_sums sums;
        for (int pair = 0; pair < 4; pair++) {
            const int8_t * inputs = x[i].qs + 64 * pair;
            q4_k_group even, odd;
            UNROLL_TWICE
            for (int k = 0; k < 4; k++) {
                const __m256i first = load(w[i].qs[pair][k][0]), last = load(w[i].qs[pair][k][1]);
                even.add(low_bits(first), low_bits(last), load_eight(inputs + 8 * k));
                odd.add(high_bits(first), high_bits(last), load_eight(inputs + 32 + 8 * k));
            }
            sums.add(even, factors.scale(2 * pair, 0), factors.scale(2 * pair, 1));
            sums.add(odd, factors.scale(2 * pair + 1, 0), factors.scale(2 * pair + 1, 1));
        }
        outputs = sums.add_to(outputs, from_halves(w[i].d), from_halves(w[i].dmin), factors, x[i]);
    }
    _mm256_storeu_ps(out, outputs);
}

/** A block whose weights are bytes. */
struct q4_k_bytes {
    static constexpr int n_together = 3; // rows, whose sums fill 12 of 16 registers

    __m256i weights[8][4][2], scales[8][2];
    q4_k_factors factors;
    __m256 d, dmin;

    INLINE explicit q4_k_bytes(const q4_k_panel & w)
        : factors(w.scales), d(from_halves(w.d)), dmin(from_halves(w.dmin)) {
        for (int pair = 0; pair < 4; pair++) {
            for (int k = 0; k < 4; k++) {
                fetch_ahead(w, w.qs[pair][k]);
                for (int half = 0; half < 2; half++) {
                    const __m256i both             = load(w.qs[pair][k][half]);
                    weights[2 * pair][k][half]     = low_bits(both);
                    weights[2 * pair + 1][k][half] = high_bits(both);
                }
            }
        }
        for (int group = 0; group < 8; group++) {
            scales[group][0] = factors.scale(group, 0);
            scales[group][1] = factors.scale(group, 1);
        }
    }

    template <int n_rows> INLINE void multiply(const q8_k_block * const (&x)[n_rows], __m256 * const (&out)[n_rows]) {
        q4_k_sums sums[n_rows];
        for (int group = 0; group < 8; group++) {
            q4_k_group products[n_rows];
            UNROLL_TWICE
            for (int k = 0; k < 4; k++) {
                const __m256i first = weights[group][k][0], last = weights[group][k][1];
                for (int r = 0; r < n_rows; r++) {
                    products[r].add(first, last, load_eight(x[r]->qs + 32 * group + 8 * k));
                }
            }
            for (int r = 0; r < n_rows; r++) {
                sums[r].add(products[r], scales[group][0], scales[group][1]);
            }
        }
        for (int r = 0; r < n_rows; r++) {
            *out[r] = sums[r].add_to(*out[r], d, dmin, factors, *x[r]);
        }
    }
};

// ---- Q6_K ----------------------------------------------------------------------------------------------------------

/** 32 weights at a time, from 0 to 63 instead of -32 to 31; i: 0 … 7 */
template <int i> INLINE __m256i six_bits(const q6_k_block & w) {
    constexpr int half = i / 4, place = i % 4;
    const __m256i low = load(w.ql[half][place % 2]), high = load(w.qh[half]);
    const __m256i top = place == 0   ? _mm256_slli_epi16(high, 4)
                        : place == 1 ? _mm256_slli_epi16(high, 2)
                        : place == 2 ? high
                                     : _mm256_srli_epi16(high, 2);
    return _mm256_or_si256(place < 2 ? low_bits(low) : high_bits(low), _mm256_and_si256(top, _mm256_set1_epi8(0x30)));
}

struct q6_k_factors {
    __m256i in_order; // 16 bits for each group
    __m256i halves;   // of the even groups, then of the odd ones

    INLINE explicit q6_k_factors(const int8_t * scales) {
        const __m128i all   = _mm_loadu_si128(reinterpret_cast<const __m128i *>(scales));
        const __m128i parts = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
        in_order            = _mm256_cvtepi8_epi16(all);
        halves              = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(all, parts));
    }

    /** Of the two groups of 32 weights, eight times each. */
    template <int i> INLINE __m256i scale() const {
        return _mm256_shuffle_epi8(halves, _mm256_set1_epi16(2 * i + 256 * (2 * i + 1)));
    }

    /** What weights that are 32 too large add to the sums. */
    INLINE __m256i offsets(const q8_k_block & x) const {
        return _mm256_slli_epi32(_mm256_madd_epi16(in_order, load(x.sums)), 5);
    }
};

INLINE __m256i multiply_32(__m256i weights, __m256i scale, const int8_t * inputs) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(weights, load(inputs)), scale);
}

/** Adds a block to an output, eight parts of it. */
INLINE __m256 add_q6_k(__m256 output, __m256i sums, float d, const q6_k_factors & factors, const q8_k_block & x) {
    const __m256i all = _mm256_sub_epi32(sums, factors.offsets(x));
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(all), _mm256_set1_ps(d * x.d), output);
}

INLINE void multiply_row(const q6_k_block * w, int64_t n_blocks, const q8_k_block * x, float * out) {
    __m256 output = _mm256_setzero_ps();
    for (int64_t i = 0; i < n_blocks; i++) {
        const q6_k_factors factors(w[i].scales);
        const int8_t * qs = x[i].qs;
        __m256i sums[2]   = {multiply_32(six_bits<0>(w[i]), factors.scale<0>(), qs),
                             multiply_32(six_bits<1>(w[i]), factors.scale<1>(), qs + 32)};
        sums[0]           = _mm256_add_epi32(sums[0], multiply_32(six_bits<2>(w[i]), factors.scale<2>(), qs + 64));
        sums[1]           = _mm256_add_epi32(sums[1], multiply_32(six_bits<3>(w[i]), factors.scale<3>(), qs + 96));
        sums[0]           = _mm256_add_epi32(sums[0], multiply_32(six_bits<4>(w[i]), factors.scale<4>(), qs + 128));
        sums[1]           = _mm256_add_epi32(sums[1], multiply_32(six_bits<5>(w[i]), factors.scale<5>(), qs + 160));
        sums[0]           = _mm256_add_epi32(sums[0], multiply_32(six_bits<6>(w[i]), factors.scale<6>(), qs + 192));
        sums[1]           = _mm256_add_epi32(sums[1], multiply_32(six_bits<7>(w[i]), factors.scale<7>(), qs + 224));
        output            = add_q6_k(output, _mm256_add_epi32(sums[0], sums[1]), from_half(w[i].d), factors, x[i]);
    }
    *out = floats{output}.sum();
}

struct q6_k_bytes {
    static constexpr int n_together = 4; // rows

    __m256i weights[8], scales[8];
    q6_k_factors factors;
    float d;

    INLINE explicit q6_k_bytes(const q6_k_block & w)
        : weights{six_bits<0>(w), six_bits<1>(w), six_bits<2>(w), six_bits<3>(w),
                  six_bits<4>(w), six_bits<5>(w), six_bits<6>(w), six_bits<7>(w)},
          factors(w.scales), d(from_half(w.d)) {
        const __m256i all[] = {factors.scale<0>(), factors.scale<1>(), factors.scale<2>(), factors.scale<3>(),
                               factors.scale<4>(), factors.scale<5>(), factors.scale<6>(), factors.scale<7>()};
        for (int i = 0; i < 8; i++) {
            scales[i] = all[i];
        }
    }

    template <int n_rows> INLINE void multiply(const q8_k_block * const (&x)[n_rows], __m256 * const (&out)[n_rows]) {
        __m256i sums[n_rows];
        for (__m256i & sum : sums) {
            sum = _mm256_setzero_si256();
        }
        for (int i = 0; i < 8; i++) {
            const __m256i own = weights[i], scale = scales[i];
            for (int r = 0; r < n_rows; r++) {
                sums[r] = _mm256_add_epi32(sums[r], multiply_32(own, scale, x[r]->qs + 32 * i));
            }
        }
        for (int r = 0; r < n_rows; r++) {
            *out[r] = add_q6_k(*out[r], sums[r], d, factors, *x[r]);
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
    if (rows.n <= n_few) {
        for (int64_t r = 0; r < rows.n; r++) {
            multiply_row(w, n_blocks, row_of(rows, r), out + r * out_stride);
        }
        return;
    }
    __m256 outputs[byte_kernels::most_rows];
    multiply_rows<q4_k_bytes>(w, n_blocks, rows, outputs);
    for (int64_t r = 0; r < rows.n; r++) {
        _mm256_storeu_ps(out + r * out_stride, outputs[r]);
    }
}

KERNEL static void multiply_q6_k(const char * panel, int64_t n_in, const byte_rows & rows, float * out,
                                 int64_t out_stride) {
    const auto * w         = reinterpret_cast<const q6_k_block *>(panel);
    const int64_t n_blocks = n_in / n_block;
    for (int64_t output = 0; output < byte_kernels::panel; output++, out++, w += n_blocks) {
        if (rows.n <= n_few) {
            for (int64_t r = 0; r < rows.n; r++) {
                multiply_row(w, n_blocks, row_of(rows, r), out + r * out_stride);
            }
            continue;
        }
        __m256 parts[byte_kernels::most_rows];
        multiply_rows<q6_k_bytes>(w, n_blocks, rows, parts);
        for (int64_t r = 0; r < rows.n; r++) {
            out[r * out_stride] = floats{parts[r]}.sum();
        }
    }
}

const byte_kernels * avx2_byte_kernels() {
    static constexpr byte_kernels kernels = {round, multiply_q4_k, multiply_q6_k};
    return &kernels;
}

} // namespace bllossom

#else

namespace bllossom {

const byte_kernels * avx2_byte_kernels() {
    return nullptr;
}

} // namespace bllossom

#endif
