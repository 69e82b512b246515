#pragma once
// Keys and values of the self-attention layers: one pool of cells per engine, shared by all sequences.

#include "cache-buffer.h"
#include "hparams.h"

#include <cstdint>
#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

class self_cache {
  public:
    /** n_cells is rounded up to a multiple of `cell_padding`. */
    self_cache(const text_hparams & hp, cache_type type, int64_t n_cells);

    /** Takes the memory of the cache, zeroed; once, before anything is written. Throws error{out_of_memory}. */
    void allocate(const layer_buffer_types & types);

    /** Takes none: graphs can be built and measured, not computed. */
    void outline(const layer_buffer_types & types);

    ggml_tensor * k(int32_t il) const { return buffer_.k(il); } // [n_embd_kv, n_cells]; null for a cross layer
    ggml_tensor * v(int32_t il) const { return buffer_.v(il); }

    int64_t n_cells() const { return n_cells_; }
    int64_t n_free() const { return n_free_; }
    size_t n_bytes(ggml_backend_buffer_type_t type) const { return buffer_.n_bytes(type); }

    /** Takes n free cells for (seq, pos), (seq, pos+1), …; the lowest free ones. The caller has checked n_free(). */
    std::vector<int64_t> take(int32_t seq, int32_t pos, int32_t n);

    /** Frees the cells of a sequence from a position on; the number of no sequence, -1, has none. */
    void release(int32_t seq, int32_t first_pos = 0);

    /** Overwrites what a sequence wrote with zeros: a mask hides numbers, but not NaN. */
    void wipe(int32_t seq);

    /** Cells to attend to: all that are in use, rounded up to `cell_padding`. */
    int64_t n_kv() const;

    /** One row of the causal mask, F16 bits [n_kv]: 0 for cells of `seq` at positions <= pos, -infinity elsewhere. */
    void fill_mask_row(uint16_t * mask, int64_t n_kv, int32_t seq, int32_t pos) const;

  private:
    struct cell {
        int32_t seq = -1; // -1: free
        int32_t pos = 0;
    };

    int64_t n_cells_;
    std::vector<cell> cells_; // [n_cells] once allocated
    int64_t n_free_     = 0;
    int64_t n_used_end_ = 0; // all used cells lie below
    cache_buffer buffer_;
};

} // namespace bllossom
