#pragma once
// Where backends come from: built in, or with GGML_BACKEND_DL libraries that are found at run time.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ggml-backend.h>

namespace bllossom {

/**
 * Makes the process-wide registry of backends ready: with dynamic backends the CPU library that is the best on this
 * machine, and every other one beside the addon that loads. Later calls do nothing. Thread-safe.
 */
void init_backends();

/**
 * Adds the backends in a folder ("libggml-cuda.so") to the registry. Returns the names of those it added, e.g. "CUDA":
 * a backend whose name is there already is left out, and a folder is looked at once. Call it before the first engine is
 * made: engines read the registry without a lock.
 * Throws error{backend} for a folder that cannot be read and for a library that does not load, with the reason.
 */
std::vector<std::string> load_backends(const std::string & folder);

/** Why libraries beside the addon do not load, a sentence each; empty when all do. */
std::string load_failures();

/** Bytes that the CPU backend takes beside the buffers of a graph while it computes it. */
size_t cpu_work_size(ggml_backend_t cpu, const ggml_cgraph * gf, int32_t n_threads);

} // namespace bllossom
