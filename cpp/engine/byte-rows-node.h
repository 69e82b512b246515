#pragma once
// A product of rows, rounded to bytes, with a weight as it lies.

#include "byte-kernels.h"
#include "kernel-node.h"

namespace bllossom {

/** Rounds rows of one graph, once for the products that have them in common and follow each other. */
class byte_operands {
  public:
    /** cur: F32 [n, n_rows], n a multiple of 256 -> Q8_K of the same shape */
    ggml_tensor * of(ggml_context * ctx0, const byte_kernels & kernels, ggml_tensor * cur);

  private:
    ggml_tensor * last_         = nullptr;
    ggml_tensor * last_operand_ = nullptr;
};

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
