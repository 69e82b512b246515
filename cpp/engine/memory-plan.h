#pragma once
// How a model will lie in the memory of this machine, before it is loaded.

#include "backend.h"
#include "engine-options.h"
#include "memory-use.h"

namespace bllossom {

struct planned_device : device_use {
    uint64_t memory_free  = 0; // now
    uint64_t memory_total = 0;
    uint64_t limit        = 0; // that may be used
    uint64_t reserve      = 0; // of that, what the backend takes beside what is listed
    int32_t n_layers      = 0; // text layers
};

struct memory_plan {
    placement place;
    std::vector<planned_device> devices; // the GPUs in use, in the order of the layers, then the CPU
    int32_t n_threads = 0;

    memory_use use() const;
};

/**
 * The best way to load a model with these options on these devices, with what an engine will then allocate. Reads the
 * header of the files only, takes no memory for weights or caches, and measures the same graphs that a context reserves
 * memory for. Not in it: the vocabulary, and the program around the engine.
 *
 * Throws what a load throws for a file or options that it refuses; error{out_of_memory} with a memory_shortage when
 * nothing that the options allow fits.
 */
memory_plan plan_memory(const backend_set & backends, const engine_options & options);

} // namespace bllossom
