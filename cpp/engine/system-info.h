#pragma once
// What this process may use of the machine. `available_memory` of backend.h lives in the same source.

#include <cstddef>
#include <cstdint>

namespace bllossom {

/** Bytes of the machine, or of the process's cgroup where that is less. */
size_t total_memory();

/** Physical cores that this process may run on, at most what its cgroup's CPU quota pays for; at least 1. */
int32_t physical_cores();

} // namespace bllossom
