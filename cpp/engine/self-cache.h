#pragma once
// Keys and values of the self-attention layers: one pool of cells per engine, shared by all sequences.

#include "cache-buffer.h"
#include "cell-pool.h"
#include "hparams.h"

#include <cstdint>
#include <memory>

#include <ggml-cpp.h>

namespace bllossom {

class self_cache {
  public:
    /** n_cells is rounded up to a multiple of `cell_padding`. */
    self_cache(const text_hparams & hp, cache_type type, int64_t n_cells);
    self_cache(const self_cache &)             = delete; // the pool wipes here
    self_cache & operator=(const self_cache &) = delete;

    /** Takes the memory of the cache, zeroed; once, before anything is written. Throws error{out_of_memory}. */
    void allocate(const layer_buffer_types & types);

    /** Takes none: graphs can be built and measured, not computed. */
    void outline(const layer_buffer_types & types);

    ggml_tensor * k(int32_t il) const { return buffer_.k(il); } // [n_embd_kv, n_cells]; null for a cross layer
    ggml_tensor * v(int32_t il) const { return buffer_.v(il); }

    int64_t n_cells() const { return n_cells_; }
    size_t n_bytes(ggml_backend_buffer_type_t type) const { return buffer_.n_bytes(type); }

    /** Once allocated. */
    cell_pool & cells() { return *pool_; }

  private:
    int64_t n_cells_;
    cache_buffer buffer_;
    std::unique_ptr<cell_pool> pool_;
};

} // namespace bllossom
