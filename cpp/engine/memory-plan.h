#pragma once
// How much memory a model will take, before it is loaded.

#include "engine.h"

namespace bllossom {

/**
 * What an engine that loads with these options will allocate, and the work buffer of the CPU backend beside it. Reads
 * the header of the file only, takes no memory for weights or caches, and measures the same graphs that a context
 * reserves memory for. Not in it: the vocabulary, and the program around the engine.
 *
 * Throws what a load throws for a file or options that it refuses, but nothing for want of memory.
 */
memory_use plan_memory(const engine_options & options);

} // namespace bllossom
