#pragma once
// A product of a few rows with a tiled weight: decoding.

#include "kernel-node.h"
#include "tiled-weights.h"

namespace bllossom {

/** Computes one node; must live as long as the graph. */
class few_rows_node {
  public:
    /** Whether a weight can be taken, and so many rows. */
    static bool takes(const ggml_tensor * w, int64_t n_rows);

    /** w * cur. w: [n_in, n_out]; cur: F32 [n_in, n] -> F32 [n_out, n] */
    ggml_tensor * build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur);

  private:
    static void compute(ggml_tensor * dst, int ith, int nth, void * self);

    const tiled_format * tiled_ = nullptr;
    job_counter jobs_;
};

} // namespace bllossom
