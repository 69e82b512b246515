#pragma once
// Keys and values of the cross-attention layers: one slot per image, found again by content, kept until the room is
// needed. Slots are counted by their users; what nobody uses is replaced oldest first.

#include "hparams.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

class cross_cache {
  public:
    /** Throws error{out_of_memory}. */
    cross_cache(const hparams & hp, ggml_backend_buffer_type_t buft, ggml_type type, int32_t n_slots);

    ggml_tensor * k(int32_t il) const {
        return k_[size_t(il)];
    } // [n_embd_kv, n_slots * slot_cells]; null for a self layer
    ggml_tensor * v(int32_t il) const { return v_[size_t(il)]; }

    int32_t n_slots() const { return int32_t(slots_.size()); }
    int64_t slot_cells() const { return slot_cells_; } // rows of an image, padded for flash attention
    int64_t first_cell(int32_t slot) const { return slot * slot_cells_; }
    size_t n_bytes() const;

    /** The slot that holds this image, with one more user; nullopt when it is not cached. */
    std::optional<int32_t> find(const std::string & key);

    /** An unused slot, emptied and with one user; nullopt when every slot is in use. */
    std::optional<int32_t> take();

    /** Names what was written into a taken slot; from now on `find` finds it. */
    void commit(int32_t slot, const std::string & key);

    /** Whether the slot holds this image already. */
    bool holds(int32_t slot, const std::string & key) const { return slots_[size_t(slot)].key == key; }

    /** One user less. A slot that was never committed becomes empty. */
    void release(int32_t slot);

    /** Forgets every image that nobody uses. */
    void clear_unused();

  private:
    struct image_slot {
        std::string key; // empty: nothing to find
        int32_t n_users   = 0;
        uint64_t last_use = 0;
    };

    std::vector<image_slot> slots_;
    uint64_t clock_     = 0;
    int64_t slot_cells_ = 0;
    std::vector<ggml_tensor *> k_; // [n_layer]
    std::vector<ggml_tensor *> v_;
    ggml_context_ptr ctx_;
    ggml_backend_buffer_ptr buffer_;
};

} // namespace bllossom
