#pragma once
// Keys and values of some layers, each layer's on the device that computes it. Memory is checked before it is asked
// for, because a system that promises more than it has ends the process on the first touch, and cleared, because free
// cells are masked and a mask does not help against NaN.

#include "cache-type.h"

#include <cstdint>
#include <string>
#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

/** Where the keys and values of each layer lie; [n_layer]. */
using layer_buffer_types = std::vector<ggml_backend_buffer_type_t>;

class cache_buffer {
  public:
    /** has_layer: [n_layer], the layers that have cells here. n_embd_kv: numbers of a key, and of a value. */
    cache_buffer(std::vector<bool> has_layer, cache_type type, int64_t n_embd_kv, int64_t n_cells);

    /**
     * Takes zeroed memory for all cells; once. what: "the cache for 8192 positions"; option: the one to make smaller.
     * Throws error{out_of_memory}, with the needed and the available bytes.
     */
    void allocate(const layer_buffer_types & types, const std::string & what, const char * option);

    /** Takes none: graphs can be built with the tensors and measured, not computed. */
    void outline(const layer_buffer_types & types);

    ggml_tensor * k(int32_t il) const { return k_[size_t(il)]; } // [n_embd_kv, n_cells]; null for another layer
    ggml_tensor * v(int32_t il) const { return v_[size_t(il)]; }

    /** Bytes that lie, or of an outline would lie, in a type of buffer. */
    size_t n_bytes(ggml_backend_buffer_type_t type) const;

    /** Overwrites cells with zeros. */
    void wipe(int64_t first_cell, int64_t n_cells) const;

  private:
    struct part {
        ggml_backend_buffer_type_t type;
        ggml_context_ptr ctx;
        ggml_backend_buffer_ptr buffer;
        size_t n_bytes;
    };

    void create_tensors(const layer_buffer_types & types);
    ggml_context * context_of(ggml_backend_buffer_type_t type);

    std::vector<bool> has_layer_;
    cache_type type_;
    int64_t n_embd_kv_;
    int64_t n_cells_;
    std::vector<part> parts_;
    std::vector<ggml_tensor *> k_; // [n_layer]
    std::vector<ggml_tensor *> v_;
};

/**
 * An empty buffer that all tensors of ctx claim to lie in: enough to build graphs with them and to measure these, not
 * to compute.
 */
ggml_backend_buffer_ptr outline_tensors(ggml_context * ctx, ggml_backend_buffer_type_t buft);

} // namespace bllossom
