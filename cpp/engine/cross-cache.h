#pragma once
// Keys and values of the cross-attention layers: one slot per image, found again by content, kept until the room is
// needed. Slots are counted by their users; what nobody uses is replaced oldest first.

#include "cache-buffer.h"
#include "hparams.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

class cross_cache {
  public:
    cross_cache(const hparams & hp, cache_type type, int32_t n_slots);

    /** Takes the memory of the cache, zeroed; once, before anything is written. Throws error{out_of_memory}. */
    void allocate(const layer_buffer_types & types);

    /** Takes none: graphs can be built and measured, not computed. */
    void outline(const layer_buffer_types & types);

    /** [n_embd_kv, n_slots * slot_cells]; null for a self layer. */
    ggml_tensor * k(int32_t il) const { return buffer_.k(il); }
    ggml_tensor * v(int32_t il) const { return buffer_.v(il); }

    int32_t n_slots() const { return n_slots_; }
    int64_t slot_cells() const { return slot_cells_; } // rows of an image, padded for flash attention
    int64_t first_cell(int32_t slot) const { return slot * slot_cells_; }
    size_t n_bytes(ggml_backend_buffer_type_t type) const { return buffer_.n_bytes(type); }

    /**
     * A slot for each image of a request, each with one more user; nullopt, and nothing changed, when there is not room
     * for all. An image that is here, or that another request is about to encode, is shared; the others take unused
     * slots. Within a request every image has a slot of its own, equal images too: rows attend to each of them. An
     * empty key shares nothing.
     */
    std::optional<std::vector<int32_t>> acquire(const std::vector<std::string> & keys);

    /** The image was written into its slot. */
    void commit(int32_t slot) { slots_[size_t(slot)].is_ready = true; }

    struct known_image {
        std::string key;
        int32_t slot;
    };

    /** The images that requests can find here, each once; the last used one first. */
    std::vector<known_image> known_images() const;

    bool is_ready(int32_t slot) const { return slots_[size_t(slot)].is_ready; }

    /** Keeps others from finding what was written into a slot. */
    void distrust(int32_t slot) { slots_[size_t(slot)].key.clear(); }

    /** One user less. The last one leaves an image to be found again, or zeros if it was not written or not trusted. */
    void release(int32_t slot);

    /** Forgets every image that nobody uses. */
    void clear_unused();

  private:
    struct image_slot {
        std::string key; // empty: nothing to find
        bool is_ready     = false;
        int32_t n_users   = 0;
        uint64_t last_use = 0;
    };

    int32_t find(const std::string & key, const std::vector<int32_t> & taken) const;
    int32_t oldest_unused() const;
    void wipe(int32_t slot);

    int32_t n_slots_;
    std::vector<image_slot> slots_; // [n_slots] once allocated
    uint64_t clock_     = 0;
    int64_t slot_cells_ = 0;
    cache_buffer buffer_;
};

} // namespace bllossom
