#include "write-memory.h"

namespace bllossom {

static Napi::Object write_device(Napi::Env env, const device_use & device) {
    Napi::Object o = Napi::Object::New(env);
    o.Set("name", device.name);
    o.Set("type", device.is_gpu ? "gpu" : "cpu");
    o.Set("weights", double(device.weights));
    o.Set("vision", double(device.vision));
    o.Set("selfCache", double(device.self_cache));
    o.Set("crossCache", double(device.cross_cache));
    o.Set("compute", double(device.scratch));
    return o;
}

/** The sums; `devices` is left to the caller. */
static Napi::Object write_sums(Napi::Env env, const memory_use & use) {
    const device_bytes sum = use.sum();
    Napi::Object o         = Napi::Object::New(env);
    o.Set("weights", double(sum.weights + sum.vision));
    o.Set("selfCache", double(sum.self_cache));
    o.Set("crossCache", double(sum.cross_cache));
    o.Set("compute", double(sum.scratch));
    o.Set("device", double(use.on_gpus()));
    return o;
}

Napi::Object write_memory(Napi::Env env, const memory_use & use) {
    Napi::Object o      = write_sums(env, use);
    Napi::Array devices = Napi::Array::New(env, use.devices.size());
    for (uint32_t i = 0; i < use.devices.size(); i++) {
        devices.Set(i, write_device(env, use.devices[i]));
    }
    o.Set("devices", devices);
    return o;
}

static const char * concession_name(concession what) {
    switch (what) {
    case concession::vision_on_host:
        return "visionOnHost";
    case concession::fewer_images:
        return "fewerImages";
    case concession::smaller_cache_type:
        return "smallerCacheType";
    case concession::smaller_context:
        return "smallerContext";
    case concession::layers_on_host:
        return "layersOnHost";
    case concession::no_gpu:
        return "noGpu";
    }
    return "";
}

Napi::Object write_memory_plan(Napi::Env env, const memory_plan & plan) {
    const placement & place = plan.place;
    Napi::Object o          = write_sums(env, plan.use());
    Napi::Array devices     = Napi::Array::New(env, plan.devices.size());
    for (uint32_t i = 0; i < plan.devices.size(); i++) {
        const planned_device & device = plan.devices[i];
        Napi::Object written          = write_device(env, device);
        written.Set("layers", device.n_layers);
        written.Set("memoryFree", double(device.memory_free));
        written.Set("memoryTotal", double(device.memory_total));
        written.Set("limit", double(device.limit));
        written.Set("reserve", double(device.reserve));
        devices.Set(i, written);
    }
    o.Set("devices", devices);
    o.Set("gpuLayers", place.n_gpu_layers());
    o.Set("contextSize", double(place.n_ctx));
    o.Set("maxImages", place.n_images);
    o.Set("kvCacheType", cache_type_name(place.kv_type));
    Napi::Array concessions = Napi::Array::New(env, place.concessions.size());
    for (uint32_t i = 0; i < place.concessions.size(); i++) {
        concessions.Set(i, concession_name(place.concessions[i]));
    }
    o.Set("concessions", concessions);
    return o;
}

void write_shortage(Napi::Object target, const memory_shortage & shortage) {
    target.Set("needed", double(shortage.needed));
    target.Set("available", double(shortage.available));
    if (!shortage.would_fit) {
        return;
    }
    const fitting_options & options = *shortage.would_fit;
    Napi::Object fit                = Napi::Object::New(target.Env());
    if (options.device) {
        fit.Set("deviceMap", *options.device);
    }
    if (options.n_gpu_layers) {
        fit.Set("gpuLayers", *options.n_gpu_layers);
    }
    if (options.kv_type) {
        fit.Set("kvCacheType", cache_type_name(*options.kv_type));
    }
    if (options.n_images) {
        fit.Set("maxImages", *options.n_images);
    }
    if (options.n_ctx) {
        fit.Set("contextSize", double(*options.n_ctx));
    }
    target.Set("wouldFit", fit);
}

} // namespace bllossom
