#pragma once
// What an error of want of memory says in numbers, beside its sentence.

#include "cache-type.h"

#include <cstdint>
#include <optional>
#include <string>

namespace bllossom {

/** Options with which the same model fits; only those that would have to change. */
struct fitting_options {
    std::optional<std::string> device; // "cpu", or "auto"
    std::optional<int32_t> n_gpu_layers;
    std::optional<cache_type> kv_type;
    std::optional<int32_t> n_images;
    std::optional<int64_t> n_ctx;
};

struct memory_shortage {
    std::string device;     // where they were short: "CPU", "CUDA0", "CUDA0, CUDA1"
    uint64_t needed    = 0; // bytes
    uint64_t available = 0; // bytes that may be used there
    std::optional<fitting_options> would_fit;
};

} // namespace bllossom
