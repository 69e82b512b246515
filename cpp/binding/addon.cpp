// What the addon exports: lib/native/binding.ts.

#include "gguf-writer-wrap.h"
#include "read-gguf.h"

#include <napi.h>

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
    bllossom::gguf_writer_wrap::init(env, exports);
    bllossom::init_read_gguf(env, exports);
    return exports;
}

} // namespace

NODE_API_MODULE(bllossom, init)
