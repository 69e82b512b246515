#pragma once
// The way through queries and cells, written once for vectors of any width, of at most 16 floats. What is defined here
// is the including file's own, like everything in row-kernels.h.
//
//   cell::vector                   floats of row-kernels.h; store_sums(x, to) stores the sums of four of them
//   cell::n_bytes(n)               of n numbers, a multiple of 32
//   cell::load(cell, i)            a vector of a cell's numbers, from i on
//
// A number of a cell is converted once for up to three queries, so that one query after the other reads memory and not
// the converter: the three heads of a group, or two of four.

#include "cell-kernels.h"
#include "row-kernels.h"

#include <immintrin.h>

namespace bllossom {

namespace {

constexpr int n_together = 3; // queries; with four cells, or four vectors of a value, twelve sums of sixteen registers

template <class floats> struct float_cell {
    using vector = floats;

    static INLINE int64_t n_bytes(int64_t n) { return 4 * n; }

    static INLINE floats load(const char * cell, int64_t i) {
        return floats::load(reinterpret_cast<const float *>(cell) + i);
    }
};

/** Cells of a head lie apart, so that the CPU does not foresee what is read next. */
INLINE void fetch(const char * from, int64_t n_bytes) {
    for (int64_t i = 0; i < n_bytes; i += 64) {
        _mm_prefetch(from + i, _MM_HINT_T0);
    }
}

template <class cell, int n_queries>
INLINE void score_queries(const cell_rows & keys, const float * q, float * scores) {
    using floats = typename cell::vector;
    for (int64_t c = 0; c < cell_kernels::block; c += 4) {
        const char * key     = keys.first + size_t(c) * keys.stride;
        const char * ahead   = keys.ahead + c * cell::n_bytes(keys.n);
        const int64_t n_step = 4 * cell::n_bytes(keys.n) * floats::n / keys.n;
        floats sums[n_queries][4];
        for (int i = 0; i < n_queries; i++) {
            for (floats & sum : sums[i]) {
                sum = floats::all(0.0f);
            }
        }
        for (int64_t k = 0; k < keys.n; k += floats::n) {
            fetch(ahead, n_step);
            ahead += n_step;
            floats query[n_queries];
            for (int i = 0; i < n_queries; i++) {
                query[i] = floats::load(q + i * keys.n + k);
            }
            for (int j = 0; j < 4; j++) {
                const floats numbers = cell::load(key + size_t(j) * keys.stride, k);
                for (int i = 0; i < n_queries; i++) {
                    sums[i][j] = fma(numbers, query[i], sums[i][j]);
                }
            }
        }
        for (int i = 0; i < n_queries; i++) {
            store_sums(sums[i], scores + i * cell_kernels::block + c);
        }
    }
}

/** n_vectors of each value, from the number k on. */
template <class cell, int n_queries, int n_vectors>
INLINE void add_parts_of_values(const cell_rows & values, int64_t k, const float * weights, const float * factors,
                                float * out, int64_t out_stride) {
    using floats = typename cell::vector;
    floats sums[n_queries][n_vectors];
    for (int i = 0; i < n_queries; i++) {
        for (int j = 0; j < n_vectors; j++) {
            sums[i][j] = floats::load(out + i * out_stride + k + j * floats::n) * floats::all(factors[i]);
        }
    }
    const int64_t n_bytes = cell::n_bytes(n_vectors * floats::n);
    const char * ahead    = values.ahead + cell::n_bytes(k) * cell_kernels::block;
    for (int64_t c = 0; c < cell_kernels::block; c++) {
        const char * value = values.first + size_t(c) * values.stride;
        fetch(ahead + c * n_bytes, n_bytes);
        floats weight[n_queries];
        for (int i = 0; i < n_queries; i++) {
            weight[i] = floats::all(weights[i * cell_kernels::block + c]);
        }
        for (int j = 0; j < n_vectors; j++) {
            const floats numbers = cell::load(value, k + j * floats::n);
            for (int i = 0; i < n_queries; i++) {
                sums[i][j] = fma(numbers, weight[i], sums[i][j]);
            }
        }
    }
    for (int i = 0; i < n_queries; i++) {
        for (int j = 0; j < n_vectors; j++) {
            sums[i][j].store(out + i * out_stride + k + j * floats::n);
        }
    }
}

template <class cell, int n_queries>
INLINE void add_values_of_queries(const cell_rows & values, const float * weights, const float * factors, float * out,
                                  int64_t out_stride) {
    constexpr int64_t n = cell::vector::n;
    int64_t k           = 0;
    for (; k + 4 * n <= values.n; k += 4 * n) {
        add_parts_of_values<cell, n_queries, 4>(values, k, weights, factors, out, out_stride);
    }
    for (; k < values.n; k += 2 * n) {
        add_parts_of_values<cell, n_queries, 2>(values, k, weights, factors, out, out_stride);
    }
}

/** How many of n queries are taken together next: four are two and two. */
INLINE int64_t share(int64_t n) {
    return n == 4 ? 2 : n < n_together ? n : n_together;
}

template <class cell> INLINE void score(const cell_rows & keys, const float * q, int64_t n_queries, float * scores) {
    for (int64_t i = 0, n = 0; i < n_queries; i += n) {
        n                     = share(n_queries - i);
        const float * queries = q + i * keys.n;
        float * to            = scores + i * cell_kernels::block;
        if (n == 3) {
            score_queries<cell, 3>(keys, queries, to);
        } else if (n == 2) {
            score_queries<cell, 2>(keys, queries, to);
        } else {
            score_queries<cell, 1>(keys, queries, to);
        }
    }
}

template <class cell>
INLINE void add_values(const cell_rows & values, const float * weights, const float * factors, int64_t n_queries,
                       float * out, int64_t out_stride) {
    for (int64_t i = 0, n = 0; i < n_queries; i += n) {
        n                    = share(n_queries - i);
        const float * shares = weights + i * cell_kernels::block;
        float * to           = out + i * out_stride;
        if (n == 3) {
            add_values_of_queries<cell, 3>(values, shares, factors + i, to, out_stride);
        } else if (n == 2) {
            add_values_of_queries<cell, 2>(values, shares, factors + i, to, out_stride);
        } else {
            add_values_of_queries<cell, 1>(values, shares, factors + i, to, out_stride);
        }
    }
}

} // namespace

} // namespace bllossom
