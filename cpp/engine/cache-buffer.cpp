#include "cache-buffer.h"

#include "backend.h"
#include "error.h"
#include "memory-shortage.h"

#include <algorithm>

namespace bllossom {

static ggml_type ggml_type_of(cache_type type) {
    switch (type) {
    case cache_type::f32:
        return GGML_TYPE_F32;
    case cache_type::f16:
        return GGML_TYPE_F16;
    case cache_type::q8_0:
        return GGML_TYPE_Q8_0;
    }
    return GGML_TYPE_F16;
}

cache_buffer::cache_buffer(std::vector<bool> has_layer, cache_type type, int64_t n_embd_kv, int64_t n_cells)
    : has_layer_(std::move(has_layer)), type_(type), n_embd_kv_(n_embd_kv), n_cells_(n_cells), k_(has_layer_.size()),
      v_(has_layer_.size()) {}

ggml_context * cache_buffer::context_of(ggml_backend_buffer_type_t type) {
    const auto known = std::find_if(parts_.begin(), parts_.end(), [&](const part & p) { return p.type == type; });
    if (known != parts_.end()) {
        return known->ctx.get();
    }
    ggml_context_ptr ctx(ggml_init({(2 * has_layer_.size() + 1) * ggml_tensor_overhead(), nullptr, true}));
    parts_.push_back({type, std::move(ctx), nullptr, 0});
    return parts_.back().ctx.get();
}

void cache_buffer::create_tensors(const layer_buffer_types & types) {
    for (size_t il = 0; il < has_layer_.size(); il++) {
        if (has_layer_[il]) {
            ggml_context * ctx = context_of(types[il]);
            k_[il]             = ggml_new_tensor_2d(ctx, ggml_type_of(type_), n_embd_kv_, n_cells_);
            v_[il]             = ggml_new_tensor_2d(ctx, ggml_type_of(type_), n_embd_kv_, n_cells_);
        }
    }
    for (part & p : parts_) {
        p.n_bytes = ggml_backend_alloc_ctx_tensors_from_buft_size(p.ctx.get(), p.type);
    }
}

void cache_buffer::allocate(const layer_buffer_types & types, const std::string & what, const char * option) {
    create_tensors(types);
    for (part & p : parts_) {
        const size_t free = free_memory(p.type);
        const bool fits   = !is_host_memory(p.type) || p.n_bytes <= free;
        p.buffer.reset(fits ? ggml_backend_alloc_ctx_tensors_from_buft(p.ctx.get(), p.type) : nullptr);
        if (!p.buffer) {
            throw error(format("%s needs %zu MiB of %s, which cannot be allocated: use a smaller %s", what.c_str(),
                               p.n_bytes >> 20, memory_name(p.type).c_str(), option),
                        {memory_name(p.type), p.n_bytes, free, std::nullopt});
        }
        prefer_large_pages(p.buffer.get());
        ggml_backend_buffer_clear(p.buffer.get(), 0);
    }
}

void cache_buffer::outline(const layer_buffer_types & types) {
    create_tensors(types);
    for (part & p : parts_) {
        p.buffer = outline_tensors(p.ctx.get(), p.type);
    }
}

size_t cache_buffer::n_bytes(ggml_backend_buffer_type_t type) const {
    const auto known = std::find_if(parts_.begin(), parts_.end(), [&](const part & p) { return p.type == type; });
    return known != parts_.end() ? known->n_bytes : 0;
}

void cache_buffer::wipe(int64_t first_cell, int64_t n_cells) const {
    for (const auto & tensors : {k_, v_}) {
        for (ggml_tensor * tensor : tensors) {
            if (tensor && n_cells > 0) {
                const size_t row = tensor->nb[1];
                ggml_backend_tensor_memset(tensor, 0, size_t(first_cell) * row, size_t(n_cells) * row);
            }
        }
    }
}

ggml_backend_buffer_ptr outline_tensors(ggml_context * ctx, ggml_backend_buffer_type_t buft) {
    ggml_backend_buffer_ptr buffer(ggml_backend_buft_alloc_buffer(buft, 0));
    for (ggml_tensor * cur = ggml_get_first_tensor(ctx); cur != nullptr; cur = ggml_get_next_tensor(ctx, cur)) {
        cur->buffer = buffer.get();
    }
    return buffer;
}

} // namespace bllossom
