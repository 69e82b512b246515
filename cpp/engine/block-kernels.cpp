#include "block-kernels.h"

#include "cpu-tiles.h"

#include <cstring>

#include <ggml-backend.h>

namespace bllossom {

/** Whether the backend was compiled for a feature, such as "AVX2", and so runs on a CPU that has it. */
static bool has_feature(ggml_backend_t backend, const char * name) {
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend));
    auto get               = reinterpret_cast<ggml_backend_get_features_t>(
        ggml_backend_reg_get_proc_address(reg, "ggml_backend_get_features"));
    for (ggml_backend_feature * f = get != nullptr ? get(reg) : nullptr; f != nullptr && f->name != nullptr; f++) {
        if (std::strcmp(f->name, name) == 0) {
            return std::strcmp(f->value, "1") == 0;
        }
    }
    return false;
}

const block_kernels * find_block_kernels(ggml_backend * cpu) {
    return has_feature(cpu, "AVX2") && has_feature(cpu, "FMA") ? avx2_kernels() : nullptr;
}

const block_kernels * find_rounding_kernels() {
    return has_bf16_tiles() ? amx_kernels() : nullptr;
}

} // namespace bllossom
