#pragma once
// A product of rows, rounded to bytes, with a weight as it lies.

#include "byte-kernels.h"
#include "kernel-node.h"

namespace bllossom {

/** Computes one node; must live as long as the graph. */
class byte_rows_node {
  public:
    /** w: of which find_byte_product knows the product. */
    byte_rows_node(const byte_kernels & kernels, const ggml_tensor * w) : multiply_(find_byte_product(kernels, w)) {}

    /**
     * w * cur. w: [n_in, n_out]; cur: F32 [n_in, n], which whoever watches the graph is shown; rounded: the same in
     * Q8_K, which is multiplied -> F32 [n_out, n]
     */
    ggml_tensor * build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * rounded);

  private:
    static void compute(ggml_tensor * dst, int ith, int nth, void * self);

    byte_product multiply_;
    job_counter jobs_;
};

} // namespace bllossom
