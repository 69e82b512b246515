#include "block-kernels.h"

#include "cpu-features.h"
#include "cpu-tiles.h"

namespace bllossom {

const block_kernels * find_block_kernels(ggml_backend * cpu) {
    if (has_feature(cpu, "AVX512") && avx512_kernels() != nullptr) {
        return avx512_kernels();
    }
    return has_feature(cpu, "AVX2") && has_feature(cpu, "FMA") ? avx2_kernels() : nullptr;
}

const block_kernels * find_rounding_kernels(ggml_backend * cpu) {
    if (has_bf16_tiles()) {
        return amx_kernels();
    }
    return has_feature(cpu, "AVX512_BF16") ? avx512_bf16_kernels() : nullptr;
}

} // namespace bllossom
