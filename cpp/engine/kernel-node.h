#pragma once
// A node of a graph that kernels of ours compute: how its threads share the work.

#include "block-kernels.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include <ggml.h>

namespace bllossom {

/** Hands out the jobs of one node to its threads, anew in every run. */
class job_counter {
  public:
    /** The next job, or -1. Each of n_threads asks until it gets -1, which ends the run for it. */
    int64_t take(int64_t n_jobs, int64_t n_threads) {
        const int64_t job = n_taken_.fetch_add(1);
        if (job == n_jobs + n_threads - 1) {
            n_taken_ = 0; // every thread was told
        }
        return job < n_jobs ? job : -1;
    }

  private:
    std::atomic<int64_t> n_taken_{0};
};

/** One of the threads at a node. */
struct kernel_thread {
    int64_t n_threads;
    float * work; // its own, at the begin of a cache line; null: it has nothing to do

    kernel_thread(const ggml_tensor * works, int ith, int nth)
        : n_threads(std::min<int64_t>(nth, works->ne[1])),
          work(ith < n_threads ? aligned(static_cast<float *>(works->data) + ith * works->ne[0]) : nullptr) {}

    /** Of n_work floats for each thread. */
    static ggml_tensor * new_works(ggml_context * ctx0, int64_t n_work, int64_t most_threads) {
        return ggml_new_tensor_2d(ctx0, GGML_TYPE_F32, n_work + line, most_threads);
    }

  private:
    static constexpr int64_t line = 64 / sizeof(float);

    static float * aligned(float * work) {
        const uintptr_t address = reinterpret_cast<uintptr_t>(work), unit = line * sizeof(float);
        return reinterpret_cast<float *>((address + unit - 1) / unit * unit);
    }
};

/** Columns or rows of an operand that its kernels can multiply. */
inline int64_t padded(const block_kernels & kernels, int64_t n) {
    return (n + kernels.step - 1) / kernels.step * kernels.step;
}

/**
 * Rows of n numbers that kernels read or write, as a view of what build(n + more) makes: between them is a line or two
 * that nobody uses. At a distance of some multiple of 4 KiB, rows would share few sets of the cache.
 */
template <class build_rows> ggml_tensor * with_gap(ggml_context * ctx0, int64_t n, const build_rows & build) {
    constexpr int64_t n_line = 64 / sizeof(ggml_bf16_t);
    ggml_tensor * rows       = build(n + n_line);
    return ggml_view_2d(ctx0, rows, n, rows->ne[1], rows->nb[1], 0);
}

/**
 * The place among the sources of a node that multiplies its first one with a weight. It comes after four others, whose
 * buffers ggml's CPU backend asks whether they can do the operation: that of tiles knows no other than ggml's product.
 */
constexpr int at_weight = 4;

/** What a node of ours multiplies with; null: it is none of these. */
inline const ggml_tensor * weight_of(const ggml_tensor * node) {
    return node->op == GGML_OP_CUSTOM ? node->src[at_weight] : nullptr;
}

/** Numbers from row to row. */
inline int64_t row_stride(const ggml_tensor * rows) {
    return int64_t(rows->nb[1] / ggml_type_size(rows->type));
}

/** Floats in whose place so many elements have room; of elements, an even number. */
inline int64_t floats_for(const block_kernels & kernels, int64_t n_elements) {
    return n_elements * int64_t(ggml_type_size(kernels.type)) / int64_t(sizeof(float));
}

/** The element i from `first` on. */
inline void * element_at(const void * first, int64_t i, const block_kernels & kernels) {
    return static_cast<char *>(const_cast<void *>(first)) + size_t(i) * ggml_type_size(kernels.type);
}

/** Parts of about equal size. */
struct row_parts {
    int64_t n_rows;
    int64_t n_parts;

    int64_t first(int64_t part) const { return part * n_rows / n_parts; }
};

} // namespace bllossom
