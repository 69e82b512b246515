#include "cross-cache.h"

#include "cache-buffer.h"
#include "error.h"

#include <algorithm>

namespace bllossom {

static constexpr int64_t slot_padding = 256; // flash attention kernels want aligned key counts

cross_cache::cross_cache(const hparams & hp, ggml_type type, int32_t n_slots)
    : n_slots_(n_slots), slot_cells_((hp.vision.n_rows() + slot_padding - 1) / slot_padding * slot_padding),
      k_(size_t(hp.text.n_layer)), v_(size_t(hp.text.n_layer)) {
    ctx_.reset(ggml_init({size_t(2 * hp.text.n_layer + 1) * ggml_tensor_overhead(), nullptr, true}));
    for (int32_t il = 0; il < hp.text.n_layer; il++) {
        if (hp.text.is_cross[size_t(il)]) {
            k_[size_t(il)] = ggml_new_tensor_2d(ctx_.get(), type, hp.text.n_embd_kv(), n_slots * slot_cells_);
            v_[size_t(il)] = ggml_new_tensor_2d(ctx_.get(), type, hp.text.n_embd_kv(), n_slots * slot_cells_);
        }
    }
}

void cross_cache::allocate(ggml_backend_buffer_type_t buft) {
    buffer_  = allocate_cache(ctx_.get(), buft, format("the cache for %d images", n_slots()), "maxImages");
    n_bytes_ = ggml_backend_buffer_get_size(buffer_.get());
    slots_.resize(size_t(n_slots_));
}

void cross_cache::outline(ggml_backend_buffer_type_t buft) {
    n_bytes_ = ggml_backend_alloc_ctx_tensors_from_buft_size(ctx_.get(), buft);
    buffer_  = outline_tensors(ctx_.get(), buft);
}

/** The slot of an image; one that is ready before one that is only promised. -1 when there is none outside `taken`. */
int32_t cross_cache::find(const std::string & key, const std::vector<int32_t> & taken) const {
    int32_t found = -1;
    for (int32_t i = 0; i < n_slots(); i++) {
        const image_slot & s = slots_[size_t(i)];
        const bool is_free   = std::find(taken.begin(), taken.end(), i) == taken.end();
        if (s.key == key && is_free && (found < 0 || (s.is_ready && !slots_[size_t(found)].is_ready))) {
            found = i;
        }
    }
    return found;
}

/** The unused slot that was used longest ago; -1 when every slot is in use. */
int32_t cross_cache::oldest_unused() const {
    int32_t oldest = -1;
    for (int32_t i = 0; i < n_slots(); i++) {
        const image_slot & s = slots_[size_t(i)];
        if (s.n_users == 0 && (oldest < 0 || s.last_use < slots_[size_t(oldest)].last_use)) {
            oldest = i;
        }
    }
    return oldest;
}

std::optional<std::vector<int32_t>> cross_cache::acquire(const std::vector<std::string> & keys) {
    // First the images that are here, so that making room for the others cannot drive them out.
    std::vector<int32_t> taken;
    for (const std::string & key : keys) {
        taken.push_back(key.empty() ? -1 : find(key, taken));
    }
    const int64_t n_missing = std::count(taken.begin(), taken.end(), -1);
    int64_t n_unused        = 0;
    for (int32_t i = 0; i < n_slots(); i++) {
        const bool is_taken = std::find(taken.begin(), taken.end(), i) != taken.end();
        n_unused += slots_[size_t(i)].n_users == 0 && !is_taken;
    }
    if (n_missing > n_unused) {
        return std::nullopt;
    }
    for (const int32_t index : taken) {
        if (index >= 0) {
            slots_[size_t(index)].n_users++;
        }
    }
    for (size_t i = 0; i < keys.size(); i++) {
        if (taken[i] < 0) {
            taken[i]                 = oldest_unused();
            slots_[size_t(taken[i])] = {keys[i], false, 1, 0};
        }
    }
    return taken;
}

void cross_cache::release(int32_t index) {
    image_slot & s = slots_[size_t(index)];
    s.n_users      = s.n_users - 1;
    s.last_use     = ++clock_;
    if (s.n_users == 0 && !(s.is_ready && !s.key.empty())) {
        s = {};
        wipe(index);
    }
}

void cross_cache::wipe(int32_t index) {
    for (const auto & tensors : {k_, v_}) {
        for (ggml_tensor * tensor : tensors) {
            if (tensor) {
                const size_t row = tensor->nb[1];
                ggml_backend_tensor_memset(tensor, 0, size_t(first_cell(index)) * row, size_t(slot_cells_) * row);
            }
        }
    }
}

void cross_cache::clear_unused() {
    for (image_slot & s : slots_) {
        if (s.n_users == 0) {
            s = {};
        }
    }
}

} // namespace bllossom
