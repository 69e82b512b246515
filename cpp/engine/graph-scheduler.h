#pragma once
// The scheduler that runs graphs over several backends, made one way for measuring and for computing.

#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

/** Backends in order of preference, the CPU last. n_nodes: upper bound of the nodes of a graph. */
ggml_backend_sched_ptr new_scheduler(std::vector<ggml_backend_t> backends, size_t n_nodes);

/** Bytes that each backend would have to hold for the results of a graph, which is spent by being measured. */
std::vector<size_t> measure_graph(ggml_backend_sched_t sched, ggml_cgraph * gf);

/**
 * For the results of an allocated graph, in the host's memory: a product walks through rows of many kilobytes each, and
 * with small pages it would have to look up the place of every one.
 */
void prefer_large_pages(ggml_cgraph * gf);

} // namespace bllossom
