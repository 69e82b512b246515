#pragma once
// Fills the tensors of a model from its files: several at once, each checked while it is read. What a load costs is
// work of the processor, to clear pages, to copy, to check and to rearrange; so it takes as many cores as there are.

#include "tensor-plan.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace bllossom {

struct reading_options {
    bool check_values    = true;  // refuse NaN and infinity
    bool gates_activated = false; // of the vision tower: the file has them after tanh
    bool has_q4_k_panels = false; // the CPU backend rearranges Q4_K as q4-k-panels.h says
    int32_t n_threads    = 1;     // that may read at once

    std::function<bool(float)> progress; // called with 0..1 on the calling thread; return false to cancel
};

/**
 * Bytes that reading needs beside the weights: a tensor that a device takes goes there as a whole; one that its buffer
 * rearranges, a few rows after the other where that can be.
 */
uint64_t staging_bytes(const std::vector<planned_tensor> & plan, int32_t n_threads);

/**
 * Reads every tensor of a placed plan into its buffer, and the gates. In the order of the files, so that a disk reads
 * ahead; after a throw the contents are undefined.
 *
 * Throws error{model_format, io, cancelled}.
 */
void read_weights(const std::vector<planned_tensor> & plan, const reading_options & options);

} // namespace bllossom
