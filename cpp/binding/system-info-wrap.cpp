#include "system-info-wrap.h"

#include "backend.h"
#include "read-value.h"
#include "system-info.h"

namespace bllossom {

Napi::Value system_info(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        Napi::Object o = Napi::Object::New(env);
        o.Set("llamaVersion", BLLOSSOM_LLAMA_VERSION);
        o.Set("ggmlVersion", ggml_version_text());
        o.Set("cpuFeatures", cpu_features());

        const std::vector<device_info> devices = list_devices();
        Napi::Array list                       = Napi::Array::New(env, devices.size());
        for (uint32_t i = 0; i < devices.size(); i++) {
            Napi::Object device = Napi::Object::New(env);
            device.Set("name", devices[i].name);
            device.Set("description", devices[i].description);
            device.Set("type", devices[i].type);
            device.Set("memoryFree", double(devices[i].memory_free));
            device.Set("memoryTotal", double(devices[i].memory_total));
            list.Set(i, device);
        }
        o.Set("devices", list);
        return o;
    });
}

} // namespace bllossom
