#pragma once
// Rows as the kernels multiply them.

#include "block-kernels.h"

#include <ggml.h>

namespace bllossom {

/** Converts rows of one graph, once for the products that have them in common and follow each other. */
class kernel_operands {
  public:
    ggml_tensor * of(ggml_context * ctx0, const block_kernels & kernels, ggml_tensor * cur) {
        if (cur->type == kernels.type) {
            return cur;
        }
        if (cur != last_) {
            last_         = cur;
            last_operand_ = ggml_cast(ctx0, cur, kernels.type);
        }
        return last_operand_;
    }

  private:
    ggml_tensor * last_         = nullptr;
    ggml_tensor * last_operand_ = nullptr;
};

} // namespace bllossom
