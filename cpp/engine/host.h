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

/**
 * Asks for large pages (of 2 MiB) for memory that will be filled: a model has a million small ones, and each costs when
 * it is touched first. Only a wish: without them all works as before.
 */
void prefer_large_pages(void * begin, uint64_t n_bytes);

/** Cores among the CPUs that this process may run on; the threads of one core count once where that can be told. */
int32_t host_cores();

} // namespace bllossom
