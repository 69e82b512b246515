#include "cache-buffer.h"

#include "backend.h"
#include "error.h"

namespace bllossom {

ggml_backend_buffer_ptr allocate_cache(ggml_context * ctx, ggml_backend_buffer_type_t buft, const std::string & what,
                                       const char * option) {
    const size_t n_bytes = ggml_backend_alloc_ctx_tensors_from_buft_size(ctx, buft);
    const bool fits      = !ggml_backend_buft_is_host(buft) || n_bytes <= available_memory();
    ggml_backend_buffer_ptr buffer(fits ? ggml_backend_alloc_ctx_tensors_from_buft(ctx, buft) : nullptr);
    if (!buffer) {
        throw error(error_code::out_of_memory, format("%s needs %zu MiB, which cannot be allocated: use a smaller %s",
                                                      what.c_str(), n_bytes >> 20, option));
    }
    ggml_backend_buffer_clear(buffer.get(), 0);
    return buffer;
}

ggml_backend_buffer_ptr outline_tensors(ggml_context * ctx, ggml_backend_buffer_type_t buft) {
    ggml_backend_buffer_ptr buffer(ggml_backend_buft_alloc_buffer(buft, 0));
    for (ggml_tensor * cur = ggml_get_first_tensor(ctx); cur != nullptr; cur = ggml_get_next_tensor(ctx, cur)) {
        cur->buffer = buffer.get();
    }
    return buffer;
}

} // namespace bllossom
