#include "cpu-features.h"

#include <cstring>

#include <ggml-backend.h>

namespace bllossom {

bool has_feature(ggml_backend * cpu, const char * name) {
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(cpu));
    auto get               = reinterpret_cast<ggml_backend_get_features_t>(
        ggml_backend_reg_get_proc_address(reg, "ggml_backend_get_features"));
    for (ggml_backend_feature * f = get != nullptr ? get(reg) : nullptr; f != nullptr && f->name != nullptr; f++) {
        if (std::strcmp(f->name, name) == 0) {
            return std::strcmp(f->value, "1") == 0;
        }
    }
    return false;
}

} // namespace bllossom
