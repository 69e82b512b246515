#pragma once
// How much of the memory that is free a plan may count on.

#include <cstdint>

namespace bllossom {

struct memory_limits {
    double share           = 0.9; // of what is free on each GPU and on the host; above 0, up to 1
    uint64_t max_gpu_bytes = 0;   // on each GPU; 0: no bound
};

} // namespace bllossom
