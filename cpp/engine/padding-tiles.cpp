#include "padding-tiles.h"

#include <cstring>

#include <ggml-backend.h>

namespace bllossom {

/** Whether the slots of a row from the n-th on are equal, byte by byte. table: [n_slots * n, n_ratios + 1] */
static bool slots_are_equal(const ggml_tensor * table, int64_t row, int64_t n_slots, int64_t first) {
    const int64_t n = table->ne[0] / n_slots;
    if (n % ggml_blck_size(table->type) != 0) {
        return false;
    }
    const size_t slot_bytes = ggml_row_size(table->type, n);
    std::vector<char> slots(slot_bytes * size_t(n_slots - first));
    ggml_backend_tensor_get(table, slots.data(), size_t(row) * table->nb[1] + size_t(first) * slot_bytes, slots.size());
    return std::memcmp(slots.data(), slots.data() + slot_bytes, slots.size() - slot_bytes) == 0;
}

std::vector<bool> find_alike_padding(const vision_hparams & hp, const vision_weights & w) {
    std::vector<bool> is_alike;
    for (const aspect_ratio & ratio : hp.aspect_ratios) {
        const int64_t id = int64_t(is_alike.size()) + 1, n_tiles = ratio.rows * ratio.cols;
        bool is_equal = true;
        for (const ggml_tensor * table : {w.pre_tile_embd, w.tile_position_embd, w.post_tile_embd}) {
            is_equal = is_equal && (n_tiles >= hp.max_tiles || slots_are_equal(table, id, hp.max_tiles, n_tiles));
        }
        is_alike.push_back(is_equal);
    }
    return is_alike;
}

} // namespace bllossom
