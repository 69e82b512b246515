// The exports of the addon: NativeBinding of lib/native/binding.ts.

#include "engine-wrap.h"
#include "gguf-writer-wrap.h"
#include "load-backends.h"
#include "model-copy-wrap.h"
#include "plan-memory.h"
#include "read-gguf.h"
#include "system-info-wrap.h"
#include "tile-image.h"

#include <napi.h>

namespace bllossom {

static Napi::Value error_codes(const Napi::CallbackInfo & info) {
    Napi::Array codes = Napi::Array::New(info.Env(), n_error_codes);
    for (uint32_t i = 0; i < n_error_codes; i++) {
        codes.Set(i, error_code_name(error_code(i)));
    }
    return codes;
}

static void end_engines(const Napi::CallbackInfo & info) {
    event_pump::end_all(info.Env());
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
    model_copy_wrap::init(env, exports);
    exports.Set("planMemory", Napi::Function::New<plan_memory_of>(env, "planMemory"));
    exports.Set("loadBackends", Napi::Function::New<load_backends_of>(env, "loadBackends"));
    exports.Set("systemInfo", Napi::Function::New<system_info>(env, "systemInfo"));
    exports.Set("errorCodes", Napi::Function::New<error_codes>(env, "errorCodes"));
    exports.Set("tileImage", Napi::Function::New<tile_image>(env, "tileImage"));
    exports.Set("endEngines", Napi::Function::New<end_engines>(env, "endEngines"));
    exports.Set("Engine", engine_wrap::define(env));
    gguf_writer_wrap::init(env, exports);
    init_read_gguf(env, exports);
    return exports;
}

} // namespace bllossom

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) {
    return bllossom::init(env, exports);
}

NODE_API_MODULE(bllossom, init_addon)
