#pragma once
// A node of a graph that kernels of ours compute: how its threads share the work.

#include "block-kernels.h"

#include <algorithm>
#include <atomic>

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
    float * work; // its own; null: it has nothing to do

    /** works: F32 [n_work, most threads] */
    kernel_thread(const ggml_tensor * works, int ith, int nth)
        : n_threads(std::min<int64_t>(nth, works->ne[1])),
          work(ith < n_threads ? static_cast<float *>(works->data) + ith * works->ne[0] : nullptr) {}
};

/** Parts of about equal size. */
struct row_parts {
    int64_t n_rows;
    int64_t n_parts;

    int64_t first(int64_t part) const { return part * n_rows / n_parts; }
};

} // namespace bllossom
