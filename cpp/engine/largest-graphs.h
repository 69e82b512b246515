#pragma once
// Graphs: the memory they are built in, and the largest ones of a model, which memory is reserved and planned for.

#include "cross-cache.h"
#include "model.h"
#include "self-cache.h"

#include <cstdint>
#include <functional>
#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

/** A graph and its tensors, built in memory that the caller keeps for as long; see graph_memory. */
struct graph_builder {
    ggml_context_ptr ctx;
    ggml_cgraph * gf;

    graph_builder(std::vector<uint8_t> & memory, size_t n_nodes)
        : ctx(ggml_init({memory.size(), memory.data(), true})), gf(ggml_new_graph_custom(ctx.get(), n_nodes, false)) {}
};

/** Upper bound of the nodes of one graph of the model. */
size_t max_nodes(const hparams & hp);

/** Memory for one graph of so many nodes. */
std::vector<uint8_t> graph_memory(size_t n_nodes);

using build_function = std::function<void(graph_builder &)>;

/** A whole batch over full caches. Model and caches must outlive the function, here as below. */
build_function largest_text_graph(const model & m, const self_cache & self, const cross_cache & cross, int32_t n_batch);

/** That one, and the encodings of an image of one tile and of one of all tiles. */
std::vector<build_function> largest_graphs(const model & m, const self_cache & self, const cross_cache & cross,
                                           int32_t n_batch);

} // namespace bllossom
