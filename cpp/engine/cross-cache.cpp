#include "cross-cache.h"

#include "error.h"

#include <algorithm>

namespace bllossom {

static constexpr int64_t slot_padding = 256; // flash attention kernels want aligned key counts

cross_cache::cross_cache(const hparams & hp, ggml_backend_buffer_type_t buft, ggml_type type, int32_t n_slots)
    : slots_(size_t(n_slots)), slot_cells_((hp.vision.n_rows() + slot_padding - 1) / slot_padding * slot_padding),
      k_(size_t(hp.text.n_layer)), v_(size_t(hp.text.n_layer)) {
    ctx_.reset(ggml_init({size_t(2 * hp.text.n_layer + 1) * ggml_tensor_overhead(), nullptr, true}));
    for (int32_t il = 0; il < hp.text.n_layer; il++) {
        if (hp.text.is_cross[size_t(il)]) {
            k_[size_t(il)] = ggml_new_tensor_2d(ctx_.get(), type, hp.text.n_embd_kv(), n_slots * slot_cells_);
            v_[size_t(il)] = ggml_new_tensor_2d(ctx_.get(), type, hp.text.n_embd_kv(), n_slots * slot_cells_);
        }
    }
    buffer_.reset(ggml_backend_alloc_ctx_tensors_from_buft(ctx_.get(), buft));
    if (!buffer_) {
        throw error(error_code::out_of_memory,
                    format("the cache for %d images could not be allocated: use a smaller maxImages", n_slots));
    }
    // Padding cells are masked, but a mask does not help against NaN: the memory must hold numbers.
    ggml_backend_buffer_clear(buffer_.get(), 0);
}

size_t cross_cache::n_bytes() const {
    return ggml_backend_buffer_get_size(buffer_.get());
}

std::optional<int32_t> cross_cache::find(const std::string & key) {
    for (size_t i = 0; i < slots_.size(); i++) {
        if (slots_[i].key == key) {
            slots_[i].n_users++;
            return int32_t(i);
        }
    }
    return std::nullopt;
}

std::optional<int32_t> cross_cache::take() {
    image_slot * oldest = nullptr;
    for (image_slot & s : slots_) {
        if (s.n_users == 0 && (!oldest || s.last_use < oldest->last_use)) {
            oldest = &s;
        }
    }
    if (!oldest) {
        return std::nullopt;
    }
    *oldest         = {};
    oldest->n_users = 1;
    return int32_t(oldest - slots_.data());
}

void cross_cache::commit(int32_t index, const std::string & key) {
    slots_[size_t(index)].key = key;
}

void cross_cache::release(int32_t index) {
    image_slot & s = slots_[size_t(index)];
    s.n_users      = s.n_users - 1;
    s.last_use     = s.key.empty() ? 0 : ++clock_;
}

void cross_cache::clear_unused() {
    for (image_slot & s : slots_) {
        if (s.n_users == 0) {
            s = {};
        }
    }
}

} // namespace bllossom
