#include "importance-rows.h"

#include <memory>
#include <unordered_map>

namespace bllossom {

row_filter image_rows(int32_t n_tiles, const vision_hparams & hp) {
    const int64_t n_real = n_tiles * hp.n_pos(); // they come first (vision-graph.cpp)
    return [n_real](const ggml_tensor *, int64_t row) { return row < n_real; };
}

row_filter text_rows(const std::vector<batch_row> & rows, const model & m, row_mode mode) {
    std::vector<bool> attends, mlp;
    for (const batch_row & row : rows) {
        const cross_row flags = resolve_cross_row(row.pos, *row.images, mode);
        attends.push_back(flags.attends);
        mlp.push_back(flags.mlp);
    }
    std::unordered_map<const ggml_tensor *, std::vector<bool>> filtered;
    for (size_t il = 0; il < m.text.layers.size(); il++) {
        if (!m.hp.text.is_cross[il]) {
            continue;
        }
        const text_layer & layer = m.text.layers[il];
        for (const ggml_tensor * weight : {layer.wq, layer.wo}) {
            filtered.emplace(weight, attends);
        }
        for (const ggml_tensor * weight : {layer.ffn_gate, layer.ffn_up, layer.ffn_down}) {
            filtered.emplace(weight, mlp);
        }
    }
    return [filtered = std::move(filtered)](const ggml_tensor * weight, int64_t row) {
        const auto found = filtered.find(weight);
        return found == filtered.end() || found->second[size_t(row)];
    };
}

} // namespace bllossom
