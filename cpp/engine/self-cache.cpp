#include "self-cache.h"

#include "attention-mask.h"
#include "error.h"

#include <algorithm>

namespace bllossom {

static std::vector<bool> self_layers(const text_hparams & hp) {
    std::vector<bool> layers = hp.is_cross;
    layers.flip();
    return layers;
}

self_cache::self_cache(const text_hparams & hp, cache_type type, int64_t n_cells)
    : n_cells_(padded_cells(n_cells)), n_free_(n_cells_), buffer_(self_layers(hp), type, hp.n_embd_kv(), n_cells_) {}

void self_cache::allocate(const layer_buffer_types & types) {
    buffer_.allocate(types, format("the cache for %lld positions", (long long) n_cells()), "contextSize");
    cells_.resize(size_t(n_cells_));
}

void self_cache::outline(const layer_buffer_types & types) {
    buffer_.outline(types);
}

std::vector<int64_t> self_cache::take(int32_t seq, int32_t pos, int32_t n) {
    std::vector<int64_t> taken;
    taken.reserve(size_t(n));
    for (size_t i = 0; i < cells_.size() && taken.size() < size_t(n); i++) {
        if (cells_[i].seq < 0) {
            cells_[i] = {seq, pos + int32_t(taken.size())};
            taken.push_back(int64_t(i));
        }
    }
    n_free_ -= int64_t(taken.size());
    if (!taken.empty()) {
        n_used_end_ = std::max(n_used_end_, taken.back() + 1);
    }
    return taken;
}

void self_cache::release(int32_t seq, int32_t first_pos) {
    for (cell & c : cells_) {
        if (c.seq >= 0 && c.seq == seq && c.pos >= first_pos) {
            c = {};
            n_free_++;
        }
    }
    while (n_used_end_ > 0 && cells_[size_t(n_used_end_ - 1)].seq < 0) {
        n_used_end_--;
    }
}

void self_cache::wipe(int32_t seq) {
    for (size_t first = 0; first < cells_.size(); first++) {
        size_t end = first;
        while (end < cells_.size() && cells_[end].seq >= 0 && cells_[end].seq == seq) {
            end++;
        }
        buffer_.wipe(int64_t(first), int64_t(end - first));
        first = end;
    }
}

int64_t self_cache::n_kv() const {
    return std::max(cell_padding, padded_cells(n_used_end_));
}

void self_cache::fill_mask_row(uint16_t * mask, int64_t n_kv, int32_t seq, int32_t pos) const {
    for (int64_t i = 0; i < n_kv; i++) {
        const cell & c = cells_[size_t(i)];
        mask[i]        = c.seq == seq && c.pos <= pos ? mask_attend : mask_hide;
    }
}

} // namespace bllossom
