#pragma once
// A GPU that is none, for tests: no machine that runs them has a real one. It stands where ggml's CUDA backend would:
// it registers as a device of type GPU, its buffers are not the host's, so that data must be copied there and back, its
// memory has an end, and it can fail. What it is asked to compute, the CPU backend computes on the same bytes.
//
// It does not stand for speed, for rounding, or for what CUDA's kernels support: it supports every operation.

#include <cstddef>
#include <cstdint>

#include <ggml.h>

namespace sim {

class gpu {
  public:
    /** Bytes of the device, and of those what other processes hold. */
    void set_memory(size_t total, size_t held_by_others = 0);

    /** Bytes that this process has allocated, now and at most since the last call of set_memory. */
    size_t allocated() const;
    size_t most_allocated() const;

    /** From now on other processes take all that is left as soon as this many more buffers were allocated. */
    void take_all_after(int n_buffers);

    /** The n-th graph from now on, 1 is the next, ends with this status, once. */
    void fail_graph(int n, ggml_status status);

    /** Graphs computed so far. */
    int n_graphs() const;
};

/** One of the two devices, SIM0 and SIM1, which the first call registers. They begin with 1 GiB each. */
gpu & device(int index);

} // namespace sim
