#pragma once
// The attention of text rows to the cells of a cache, where the CPU has kernels for it. Two nodes: what each row sees
// of a part of the cells, then the parts together.

#include "cell-kernels.h"
#include "kernel-node.h"

#include <ggml.h>

namespace bllossom {

/** Computes its nodes; must live as long as the graph. */
class cell_attention {
  public:
    /** n_threads: how many will compute it, about. */
    cell_attention(const cell_kernels & kernels, int32_t n_threads) : kernels_(kernels), n_threads_(n_threads) {}

    /** Whether heads of this size can be taken. */
    static bool takes(int64_t n_embd_head) { return n_embd_head % cell_kernels::n_multiple == 0; }

    /**
     * build_attention (graph-ops.h) of any number of rows. Cells that a row does not see cost nothing where whole
     * blocks of them are hidden; a row that sees none gets zeros. q: F32 [n_embd_head, n_head, n_rows]; k, v: F32, F16
     * or Q8_0 [n_embd_head, n_cells, n_head_kv], n_cells a multiple of 64; mask: F16 [n_cells, n_rows], of
     * attention-mask.h -> [n_embd_head * n_head, n_rows]
     */
    ggml_tensor * build(ggml_context * ctx0, ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, ggml_tensor * mask);

  private:
    struct job;
    struct place;
    static void compute_parts(ggml_tensor * dst, int ith, int nth, void * self);
    static void merge_parts(ggml_tensor * dst, int ith, int nth, void * self);
    void see(const ggml_tensor * parts, const job & at) const;
    void see_block(const ggml_tensor * parts, const place & at) const;

    const cell_kernels & kernels_;
    int64_t n_threads_;
    job_counter jobs_;
};

} // namespace bllossom
