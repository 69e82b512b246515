#include "tile-image.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
    exports.Set("tileImage", Napi::Function::New(env, bllossom::tile_image, "tileImage"));
    return exports;
}

} // namespace

NODE_API_MODULE(bllossom, init)
