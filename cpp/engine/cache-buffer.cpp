#include "cache-buffer.h"

#include "backend.h"
#include "error.h"
#include "host.h"
#include "memory-shortage.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <future>
#include <system_error>

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

/** By several cores: when memory is touched first the system clears it too, and that is work of the processor. */
static void clear(ggml_backend_buffer_t buffer) {
    constexpr size_t piece_bytes = 16 << 20;
    constexpr int32_t max_cores  = 8; // more only wait for memory
    if (!ggml_backend_buffer_is_host(buffer)) {
        return ggml_backend_buffer_clear(buffer, 0);
    }
    char * const first   = static_cast<char *>(ggml_backend_buffer_get_base(buffer));
    const size_t n_bytes = ggml_backend_buffer_get_size(buffer);
    std::atomic<size_t> next{0};
    const auto clear_pieces = [&] {
        for (size_t at = next.fetch_add(piece_bytes); at < n_bytes; at = next.fetch_add(piece_bytes)) {
            std::memset(first + at, 0, std::min(piece_bytes, n_bytes - at));
        }
    };
    const size_t n_cores = std::min<size_t>(std::min(host_cores(), max_cores), n_bytes / piece_bytes);
    std::vector<std::future<void>> others; // are waited for at the end
    try {
        while (others.size() + 1 < n_cores) {
            others.push_back(std::async(std::launch::async, clear_pieces));
        }
    } catch (const std::system_error &) { // no more threads: those that are there do it
    }
    clear_pieces();
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
        clear(p.buffer.get());
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
