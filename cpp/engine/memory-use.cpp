#include "memory-use.h"

#include "cross-cache.h"
#include "model.h"
#include "self-cache.h"

namespace bllossom {

memory_use add_up_memory(const std::vector<ggml_backend_t> & backends, const model & m, const self_cache & self,
                         const cross_cache & cross, const std::vector<size_t> & scratch) {
    memory_use use;
    for (size_t i = 0; i < backends.size(); i++) {
        ggml_backend_buffer_type_t type = ggml_backend_get_default_buffer_type(backends[i]);
        device_use device;
        device.name        = memory_name(type);
        device.is_gpu      = i + 1 < backends.size();
        device.self_cache  = self.n_bytes(type);
        device.cross_cache = cross.n_bytes(type);
        device.scratch     = scratch[i];
        if (const auto weights = m.use.find(device.name); weights != m.use.end()) {
            device.weights = weights->second.text;
            device.vision  = weights->second.vision;
        }
        use.devices.push_back(std::move(device));
    }
    return use;
}

} // namespace bllossom
