#pragma once
// What the operating system says of the machine and of what this process may use. Limits of containers are not in it
// (system-info.h).

#include <cstdint>

namespace bllossom {

/** Bytes of main memory, and how many of them programs can still take without one being swapped out. */
uint64_t host_memory();
uint64_t host_memory_left();

/** Bytes that this process may still map; UINT64_MAX without a limit. */
uint64_t address_space_left();

/** Cores among the CPUs that this process may run on; the threads of one core count once where that can be told. */
int32_t host_cores();

} // namespace bllossom
