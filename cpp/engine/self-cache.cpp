#include "self-cache.h"

#include "attention-mask.h"
#include "cache-buffer.h"
#include "error.h"

#include <algorithm>

namespace bllossom {

static int64_t round_up(int64_t value, int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

self_cache::self_cache(const text_hparams & hp, ggml_type type, int64_t n_cells)
    : n_cells_(round_up(n_cells, padding)), n_free_(n_cells_), k_(size_t(hp.n_layer)), v_(size_t(hp.n_layer)) {
    ctx_.reset(ggml_init({size_t(2 * hp.n_layer + 1) * ggml_tensor_overhead(), nullptr, true}));
    for (int32_t il = 0; il < hp.n_layer; il++) {
        if (!hp.is_cross[size_t(il)]) {
            k_[size_t(il)] = ggml_new_tensor_2d(ctx_.get(), type, hp.n_embd_kv(), n_free_);
            v_[size_t(il)] = ggml_new_tensor_2d(ctx_.get(), type, hp.n_embd_kv(), n_free_);
        }
    }
}

void self_cache::allocate(ggml_backend_buffer_type_t buft) {
    const std::string what = format("the cache for %lld positions", (long long) n_cells());
    buffer_                = allocate_cache(ctx_.get(), buft, what, "contextSize");
    n_bytes_               = ggml_backend_buffer_get_size(buffer_.get());
    cells_.resize(size_t(n_cells_));
}

void self_cache::outline(ggml_backend_buffer_type_t buft) {
    n_bytes_ = ggml_backend_alloc_ctx_tensors_from_buft_size(ctx_.get(), buft);
    buffer_  = outline_tensors(ctx_.get(), buft);
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
        for (const auto & tensors : {k_, v_}) {
            for (ggml_tensor * tensor : tensors) {
                if (tensor && end > first) {
                    ggml_backend_tensor_memset(tensor, 0, first * tensor->nb[1], (end - first) * tensor->nb[1]);
                }
            }
        }
        first = end;
    }
}

int64_t self_cache::n_kv() const {
    return std::max(padding, round_up(n_used_end_, padding));
}

void self_cache::fill_mask_row(uint16_t * mask, int64_t n_kv, int32_t seq, int32_t pos) const {
    for (int64_t i = 0; i < n_kv; i++) {
        const cell & c = cells_[size_t(i)];
        mask[i]        = c.seq == seq && c.pos <= pos ? mask_attend : mask_hide;
    }
}

} // namespace bllossom
