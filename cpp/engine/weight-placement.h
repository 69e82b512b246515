#pragma once
// Decides which buffer type, and with it which device and which layout, every tensor of a plan lives in.

#include "backend.h"
#include "gpu-limits.h"
#include "tensor-plan.h"

#include <vector>

namespace bllossom {

/**
 * Sets the buffer type of every tensor of a matched plan.
 *
 * On a GPU: the output head, the vision tower and the projector, and the last n_gpu_layers text layers (-1: as many as
 * the limits leave room for); tables stay in host memory. On the CPU, matrices go to the first buffer type that
 * multiplies faster from a layout of its own ("repacked"), everything else to plain memory.
 */
void place_weights(const backend_set & backends, int32_t n_gpu_layers, const gpu_limits & limits,
                   std::vector<planned_tensor> & plan);

} // namespace bllossom
