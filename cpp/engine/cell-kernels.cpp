#include "cell-kernels.h"

#include "cpu-features.h"

namespace bllossom {

const cell_kernels * find_cell_kernels(ggml_backend * cpu) {
    if (has_feature(cpu, "AVX512") && avx512_cell_kernels() != nullptr) {
        return avx512_cell_kernels();
    }
    return has_feature(cpu, "AVX2") && has_feature(cpu, "FMA") && has_feature(cpu, "F16C") ? avx2_cell_kernels()
                                                                                           : nullptr;
}

} // namespace bllossom
