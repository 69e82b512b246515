// What the scheduler is told, and why.
//
// Large batches go to a GPU wherever their weights lie (op_offload): a prompt, or an image, reads each weight once for
// hundreds of rows, so sending it over costs less than the host would take to multiply. From 32 rows on; a step of
// decoding stays where the weights are.
//
// Inputs, and what the host hands over, lie in memory that the GPU reads without a copy in between ("pinned").
//
// A step of decoding on one GPU has two parts: the host looks up the embeddings, the GPU does all the rest in one
// piece. CUDA records such a piece and replays it while every tensor of it has the address and the shape it had before.
// That holds from step to step: a graph of the last shape runs again as it lies (context.cpp), keys are attended to in
// multiples of cell_padding, and cells are written by number (set_rows), not through views that move. A new graph, and
// a new recording, follows every 256 tokens, and when the number of rows changes.

#include "graph-scheduler.h"

#include "backend.h"

#include <set>

#include <ggml-backend.h>

namespace bllossom {

ggml_backend_sched_ptr new_scheduler(std::vector<ggml_backend_t> backends, size_t n_nodes) {
    std::vector<ggml_backend_buffer_type_t> types;
    for (ggml_backend_t backend : backends) {
        types.push_back(ggml_backend_get_default_buffer_type(backend));
    }
    if (auto pinned = ggml_backend_dev_host_buffer_type(ggml_backend_get_device(backends.front()))) {
        types.back() = pinned; // no other backend than a GPU has it
    }
    constexpr bool is_pipelined = false, offloads_large_batches = true;
    return ggml_backend_sched_ptr(ggml_backend_sched_new(backends.data(), types.data(), int(backends.size()), n_nodes,
                                                         is_pipelined, offloads_large_batches));
}

std::vector<size_t> measure_graph(ggml_backend_sched_t sched, ggml_cgraph * gf) {
    std::vector<size_t> needed(size_t(ggml_backend_sched_get_n_backends(sched)));
    ggml_backend_sched_reserve_size(sched, gf, needed.data());
    ggml_backend_sched_reset(sched);
    return needed;
}

void prefer_large_pages(ggml_cgraph * gf) {
    std::set<ggml_backend_buffer_t> buffers;
    for (int i = 0; i < ggml_graph_n_nodes(gf); i++) {
        buffers.insert(ggml_graph_node(gf, i)->buffer);
    }
    buffers.erase(nullptr); // of a view
    for (ggml_backend_buffer_t buffer : buffers) {
        prefer_large_pages(buffer);
    }
}

} // namespace bllossom
