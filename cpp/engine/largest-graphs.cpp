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

std::vector<build_function> largest_graphs(const model & m, const self_cache & self, const cross_cache & cross,
                                           int32_t n_batch) {
    const auto encode = [&m, &cross](graph_builder & graph) {
        // Padding tiles that are computed one by one: as many rows as there can be. Not less of them than in a graph of
        // this model, so that an outline, which does not know its tables, measures the same.
        const vision_rows rows(m.hp.vision, 1, false);
        vision_inputs inputs;
        const vision_outputs outputs = build_vision(graph.ctx.get(), m, rows, inputs);
        build_cross_kv(graph.ctx.get(), graph.gf, m, cross, rows, outputs.states, 0);
    };
    const auto decode = [&m, &self, &cross, n_batch](graph_builder & graph) {
        text_shape shape;
        shape.n_rows        = n_batch;
        shape.n_outputs     = 1;
        shape.n_kv          = self.n_cells();
        shape.n_cross_cells = cross.n_slots() * cross.slot_cells();
        text_inputs inputs;
        build_text(graph.ctx.get(), graph.gf, m, self, cross, shape, inputs);
    };
    return {encode, decode};
}

} // namespace bllossom
