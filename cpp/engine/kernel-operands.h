#pragma once
// Rows as the kernels multiply them.

#include "block-kernels.h"
#include "byte-kernels.h"

#include <ggml.h>

namespace bllossom {

/** Converts rows of one graph, once for the products that have them in common and follow each other. */
class kernel_operands {
  public:
    /** cur: F32, or of the kernels' type: then as it is; [n, n_rows], n a multiple of 16 -> the same shape */
    ggml_tensor * of(ggml_context * ctx0, const block_kernels & kernels, ggml_tensor * cur);

    /** cur: F32 [n, n_rows], n a multiple of 256 -> Q8_K of the same shape */
    ggml_tensor * of(ggml_context * ctx0, const byte_kernels & kernels, ggml_tensor * cur);

  private:
    bool is_last(const void * kernels, ggml_tensor * cur);

    const void * last_kernels_  = nullptr;
    ggml_tensor * last_         = nullptr;
    ggml_tensor * last_operand_ = nullptr;
};

} // namespace bllossom
