#pragma once
// Decides which buffer type, and with it which device and which layout, every tensor of a plan lives in.

#include "backend.h"
#include "placement-plan.h"
#include "tensor-plan.h"

#include <vector>

namespace bllossom {

/**
 * Sets the buffer type of every tensor of a matched plan, as a placement says.
 *
 * What a GPU cannot multiply with stays on the host. There, beside a GPU in use, matrices lie in memory that it reads
 * fast ("pinned"): large batches are multiplied on it, wherever the weights are (graph-scheduler.h). Without a GPU they
 * go to the first buffer type that multiplies faster from a layout of its own ("repacked"). Everything else lies in
 * plain memory.
 */
void place_weights(const backend_set & backends, const placement & place, std::vector<planned_tensor> & plan);

} // namespace bllossom
