#pragma once
// What lies on which device.

#include "placement-plan.h"

#include <string>
#include <vector>

#include <ggml-backend.h>

namespace bllossom {

struct model;
class self_cache;
class cross_cache;

struct device_use : device_bytes {
    std::string name; // "CUDA0"; "CPU" for all of main memory
    bool is_gpu = false;
};

struct memory_use {
    std::vector<device_use> devices; // the GPUs in use, in the order of the layers, then the CPU

    device_bytes sum() const {
        device_bytes all;
        for (const device_use & device : devices) {
            all.weights += device.weights;
            all.vision += device.vision;
            all.self_cache += device.self_cache;
            all.cross_cache += device.cross_cache;
            all.scratch += device.scratch;
        }
        return all;
    }

    uint64_t on_gpus() const {
        uint64_t bytes = 0;
        for (const device_use & device : devices) {
            bytes += device.is_gpu ? device.total() : 0;
        }
        return bytes;
    }
};

/**
 * What a model, its caches and the results of its graphs take. backends: in use, the CPU last. scratch: bytes of the
 * results, [backends].
 */
memory_use add_up_memory(const std::vector<ggml_backend_t> & backends, const model & m, const self_cache & self,
                         const cross_cache & cross, const std::vector<size_t> & scratch);

} // namespace bllossom
