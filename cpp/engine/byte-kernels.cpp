#include "byte-kernels.h"

#include "cpu-features.h"

#include <cstring>

#include <ggml-backend.h>

namespace bllossom {

const byte_kernels * find_byte_kernels(ggml_backend * cpu) {
    if (has_feature(cpu, "AVX512") && has_feature(cpu, "AVX512_VNNI") && avx512_byte_kernels() != nullptr) {
        return avx512_byte_kernels();
    }
    return has_feature(cpu, "AVX2") && has_feature(cpu, "FMA") && has_feature(cpu, "F16C") ? avx2_byte_kernels()
                                                                                           : nullptr;
}

byte_product find_byte_product(const byte_kernels & kernels, const ggml_tensor * w) {
    const bool is_whole = w->ne[0] % byte_kernels::block == 0 && w->ne[1] % byte_kernels::panel == 0 &&
                          w->ne[2] * w->ne[3] == 1 && ggml_is_contiguous(w);
    if (w->buffer == nullptr || !is_whole) {
        return nullptr;
    }
    const char * name      = ggml_backend_buft_name(ggml_backend_buffer_get_type(w->buffer));
    const bool is_repacked = std::strcmp(name, "CPU_REPACK") == 0;
    switch (w->type) {
    case GGML_TYPE_Q4_K:
        return is_repacked ? kernels.multiply_q4_k : nullptr;
    case GGML_TYPE_Q6_K: // on x86 ggml leaves it as it is
        return !is_repacked && ggml_backend_buffer_is_host(w->buffer) ? kernels.multiply_q6_k : nullptr;
    default:
        return nullptr;
    }
}

} // namespace bllossom
