// Stands for libggml-cuda.so on a machine without a GPU: a backend that calls itself "CUDA", needs the addon's ggml as the
// real one does, and has no devices. With it the release check shows that the package for GPUs is found and loaded.

#include "ggml-backend-impl.h"

static const char * name(ggml_backend_reg_t) {
    return ggml_version() != nullptr ? "CUDA" : "";
}

static size_t device_count(ggml_backend_reg_t) {
    return 0;
}

static ggml_backend_dev_t device(ggml_backend_reg_t, size_t) {
    return nullptr;
}

extern "C" __attribute__((visibility("default"))) ggml_backend_reg_t ggml_backend_init() {
    static ggml_backend_reg reg = { GGML_BACKEND_API_VERSION, { name, device_count, device, nullptr }, nullptr };
    return &reg;
}
