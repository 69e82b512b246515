#include "self-cache.h"

#include "error.h"

namespace bllossom {

static std::vector<bool> self_layers(const text_hparams & hp) {
    std::vector<bool> layers = hp.is_cross;
    layers.flip();
    return layers;
}

self_cache::self_cache(const text_hparams & hp, cache_type type, int64_t n_cells)
    : n_cells_(padded_cells(n_cells)), buffer_(self_layers(hp), type, hp.n_embd_kv(), n_cells_) {}

void self_cache::allocate(const layer_buffer_types & types) {
    buffer_.allocate(types, format("the cache for %lld positions", (long long) n_cells()), "contextSize");
    pool_ = std::make_unique<cell_pool>(n_cells_, [this](cell_range cells) { buffer_.wipe(cells.first, cells.n); });
}

void self_cache::outline(const layer_buffer_types & types) {
    buffer_.outline(types);
}

} // namespace bllossom
