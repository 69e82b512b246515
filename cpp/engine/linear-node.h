#pragma once
// A product with a weight, with its bias and activation.

#include "kernel-node.h"
#include "tiled-weights.h"

namespace bllossom {

/** Computes one node; must live as long as the graph. */
class linear_node {
  public:
    linear_node(const block_kernels & kernels, bool is_gelu) : kernels_(kernels), is_gelu_(is_gelu) {}

    /** Whether a weight can be taken: the CPU reads it, row by row or in tiles, and it fills whole blocks. */
    static bool takes(const block_kernels & kernels, const ggml_tensor * w);

    /** Whether it can be taken from tiles. */
    static bool takes_tiled(const block_kernels & kernels, const ggml_tensor * w);

    /** Whether what it gives can be of the kernels' type: its sums are complete after one block. */
    static bool gives_elements(const block_kernels & kernels, const ggml_tensor * w);

    /** Floats that a thread works with. */
    static int64_t n_work(const block_kernels & kernels);

    /**
     * w * cur + b, then GELU if so made. w: [n_in, n_out] of any type; cur: [n_in, n] of the kernels' type; b: F32
     * [n_out], or null where there is no GELU; work: F32 [n_work, most threads] -> type [n_out, n]: F32, or where
     * gives_elements says so the kernels' type, with a gap between rows
     */
    ggml_tensor * build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * b, ggml_tensor * work,
                        ggml_type type = GGML_TYPE_F32);

  private:
    struct block;
    struct scratch;
    static void compute(ggml_tensor * dst, int ith, int nth, void * self);
    void compute(const block & at, const scratch & s) const;
    void unpack(ggml_type type, const char * weights, int64_t n, void * elements, float * floats) const;
    void pack_rows(const block & at, int64_t first, int64_t n, const scratch & s) const;
    void pack_tiles(const block & at, int64_t first, int64_t n, const scratch & s) const;

    const block_kernels & kernels_;
    bool is_gelu_;
    const tiled_format * tiled_ = nullptr; // of the weight
    job_counter jobs_;
};

} // namespace bllossom
