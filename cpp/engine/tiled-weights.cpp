#include "tiled-weights.h"

#include <cstring>

#include <ggml-backend.h>

namespace bllossom {

const tiled_format * find_tiled_format(const ggml_tensor * w) {
    const bool is_tiled = w->buffer != nullptr &&
                          std::strcmp(ggml_backend_buft_name(ggml_backend_buffer_get_type(w->buffer)), "AMX") == 0;
    return is_tiled ? amx_tiled_format(w->type) : nullptr;
}

} // namespace bllossom
