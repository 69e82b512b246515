#pragma once
// How much of a GPU a plan may count on.

#include <cstddef>

namespace bllossom {

struct gpu_limits {
    double share     = 0.9; // of the free memory; above 0, up to 1
    double max_bytes = 0;   // 0: no bound
};

/** Bytes that weights may take of a GPU with that much free memory; the rest is for caches and compute buffers. */
double weight_budget(size_t free, const gpu_limits & limits);

} // namespace bllossom
