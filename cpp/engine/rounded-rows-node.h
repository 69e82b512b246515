#pragma once
// A product of some rows, rounded to BF16, with a tiled weight as it lies: several streams, a short question.

#include "kernel-node.h"
#include "tiled-weights.h"

namespace bllossom {

/** Computes one node; must live as long as the graph. */
class rounded_rows_node {
  public:
    explicit rounded_rows_node(const block_kernels & kernels) : kernels_(kernels) {}

    /** Whether a weight can be taken, and so many rows. */
    static bool takes(const block_kernels & kernels, const ggml_tensor * w, int64_t n_rows);

    /** Floats of a thread. */
    static int64_t n_work();

    /** w * cur. w: [n_in, n_out]; cur: of the kernels' type [n_in, n]; work: see kernel_thread -> F32 [n_out, n] */
    ggml_tensor * build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * work);

  private:
    static void compute(ggml_tensor * dst, int ith, int nth, void * self);

    const block_kernels & kernels_;
    const tiled_format * tiled_ = nullptr;
    job_counter jobs_;
};

} // namespace bllossom
