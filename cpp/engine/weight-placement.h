#pragma once
// Decides which buffer type, and with it which device and which layout, every tensor of a plan lives in.

#include "backend.h"
#include "tensor-plan.h"

#include <vector>

namespace bllossom {

/**
 * Returns one buffer type per planned tensor; null for gates, which are kept as numbers.
 *
 * On a GPU: the output head, the vision tower and the projector, and the last n_gpu_layers text layers (-1: as many as
 * the device's free memory holds); tables stay in host memory. On the CPU, matrices go to the first buffer type that
 * multiplies faster from its own layout ("repacked"), everything else to plain memory.
 */
std::vector<ggml_backend_buffer_type_t> place_weights(const backend_set & backends,
                                                      const std::vector<planned_tensor> & plan, int32_t n_gpu_layers);

} // namespace bllossom
