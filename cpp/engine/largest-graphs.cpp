#include "largest-graphs.h"

#include "cross-graph.h"
#include "text-graph.h"
#include "vision-graph.h"

namespace bllossom {

size_t max_nodes(const hparams & hp) {
    const size_t n_layers = size_t(hp.text.n_layer + hp.vision.n_layer + hp.vision.n_global_layer);
    return 64 * n_layers + 256; // a few dozen per layer
}

std::vector<uint8_t> graph_memory(size_t n_nodes) {
    return std::vector<uint8_t>(ggml_graph_overhead_custom(n_nodes, false) + n_nodes * ggml_tensor_overhead());
}

build_function largest_text_graph(const model & m, const self_cache & self, const cross_cache & cross,
                                  int32_t n_batch) {
    return [&m, &self, &cross, n_batch](graph_builder & graph) {
        text_shape shape;
        shape.n_rows    = n_batch;
        shape.n_outputs = 1;
        shape.self      = {0, self.n_cells()};
        shape.cross     = {0, cross.n_slots() * cross.slot_cells()};
        text_inputs inputs;
        build_text(graph.ctx.get(), graph.gf, m, self, cross, shape, inputs);
    };
}

std::vector<build_function> largest_graphs(const model & m, const self_cache & self, const cross_cache & cross,
                                           int32_t n_batch) {
    // Padding tiles are computed one by one: as many rows as there can be. With them the attention has more parts,
    // without them there are more patches.
    const auto encode = [&m, &cross](int32_t n_tiles) {
        return [&m, &cross, rows = vision_rows(m.hp.vision, n_tiles, false)](graph_builder & graph) {
            vision_inputs inputs;
            const vision_outputs outputs = build_vision(graph.ctx.get(), m, rows, inputs);
            build_cross_kv(graph.ctx.get(), graph.gf, m, cross, *inputs.ops, outputs.states, 0);
        };
    };
    return {encode(1), largest_text_graph(m, self, cross, n_batch), encode(m.hp.vision.max_tiles)};
}

} // namespace bllossom
