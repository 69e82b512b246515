#pragma once
// What this process may use of the machine. `available_memory` of backend.h lives in the same source.

#include <cstddef>
#include <cstdint>
#include <string>

namespace bllossom {

/** Bytes of the machine, or of the process's cgroup where that is less. */
size_t total_memory();

/** Physical cores that this process may run on, at most what its cgroup's CPU quota pays for; at least 1. */
int32_t physical_cores();

/** E.g. "0.25.1". */
std::string ggml_version_text();

/** What the CPU backend computes with, e.g. "AVX512 = 1 | FMA = 1". */
std::string cpu_features();

} // namespace bllossom
