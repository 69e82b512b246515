#pragma once
// The attention of the vision tower, without scores in memory.

#include "kernel-node.h"
#include "vision-rows.h"

namespace bllossom {

/** Computes one node; must live as long as the graph. */
class attention_node {
  public:
    attention_node(const block_kernels & kernels, const vision_rows & rows) : kernels_(kernels), rows_(rows) {}

    /** Whether heads of this size can be taken: they are whole panels. */
    static bool takes(int64_t n_embd_head) { return n_embd_head % block_kernels::panel == 0; }

    /** Floats that a thread works with. */
    static int64_t n_work(const block_kernels & kernels, int64_t n_embd_head, const vision_rows & rows);

    /**
     * Real rows attend to every row, the others to real ones. A row of a tile that stands for several counts as often
     * as a key: the logarithm of their number is added to its score. q, k, v: [n_embd, n_rows] of the kernels' type,
     * at the same distances; work: F32 [n_work, most threads] -> [n_embd, n_rows] of that type, with a gap between rows
     */
    ggml_tensor * build(ggml_context * ctx0, ggml_tensor * q, ggml_tensor * k, ggml_tensor * v, ggml_tensor * work,
                        int64_t n_head);

  private:
    struct head;
    struct scratch;
    struct query_range;
    static void compute(ggml_tensor * dst, int ith, int nth, void * self);
    void pack_keys(const head & h, const scratch & s, int64_t n_rows) const;
    void take_queries(const head & h, const scratch & s, int64_t first, int64_t n) const;
    void see(const head & h, const scratch & s, int64_t first, int64_t n_rows, int64_t key, int64_t n,
             int64_t n_there) const;
    void attend(const head & h, const scratch & s, const query_range & range, int64_t n_rows) const;

    const block_kernels & kernels_;
    vision_rows rows_;
    int64_t n_head_ = 1;
    job_counter jobs_;
};

} // namespace bllossom
