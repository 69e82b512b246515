#pragma once
// A product with a weight, with its bias and activation, in floats.

#include "kernel-node.h"

namespace bllossom {

/** Computes one node; must live as long as the graph. */
class linear_node {
  public:
    linear_node(const block_kernels & kernels, bool is_gelu) : kernels_(kernels), is_gelu_(is_gelu) {}

    /** Whether a weight can be taken: the CPU reads it row by row, and its outputs fill whole panels. */
    static bool takes(const ggml_tensor * w);

    /** Floats that a thread works with. */
    static int64_t n_work();

    /**
     * w * cur + b, then GELU if so made. w: [n_in, n_out] of any type, turned into floats; cur: F32 [n_in, n]; b: F32
     * [n_out], or null where there is no GELU; work: F32 [n_work, most threads] -> F32 [n_out, n]
     */
    ggml_tensor * build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b, ggml_tensor * work);

  private:
    struct block;
    static void compute(ggml_tensor * dst, int ith, int nth, void * self);
    void compute(const block & at, float * work) const;

    const block_kernels & kernels_;
    bool is_gelu_;
    job_counter jobs_;
};

} // namespace bllossom
