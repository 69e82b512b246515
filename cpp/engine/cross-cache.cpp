#include "cross-cache.h"

#include "error.h"

#include <algorithm>

namespace bllossom {

cross_cache::cross_cache(const hparams & hp, cache_type type, int32_t n_slots)
    : n_slots_(n_slots), slot_cells_(padded_cells(hp.vision.n_rows())),
      buffer_(hp.text.is_cross, type, hp.text.n_embd_kv(), n_slots * slot_cells_) {}

void cross_cache::allocate(const layer_buffer_types & types) {
    buffer_.allocate(types, format("the cache for %d images", n_slots()), "maxImages");
    slots_.resize(size_t(n_slots_));
}

void cross_cache::outline(const layer_buffer_types & types) {
    buffer_.outline(types);
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

std::vector<cross_cache::known_image> cross_cache::known_images() const {
    std::vector<known_image> images;
    for (int32_t i = 0; i < n_slots(); i++) {
        const image_slot & s = slots_[size_t(i)];
        if (s.is_ready && !s.key.empty() && find(s.key, {}) == i) {
            images.push_back({s.key, i});
        }
    }
    // one in use was not released yet
    const auto age = [this](const known_image & image) {
        const image_slot & s = slots_[size_t(image.slot)];
        return s.n_users > 0 ? 0 : 1 + clock_ - s.last_use;
    };
    std::stable_sort(images.begin(), images.end(), [&](const auto & a, const auto & b) { return age(a) < age(b); });
    return images;
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
    buffer_.wipe(first_cell(index), slot_cells_);
}

void cross_cache::clear_unused() {
    for (image_slot & s : slots_) {
        if (s.n_users == 0) {
            s = {};
        }
    }
}

} // namespace bllossom
