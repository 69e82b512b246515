#pragma once
// `readGguf` of lib/native/binding.ts.

#include <napi.h>

namespace bllossom {

void init_read_gguf(Napi::Env env, Napi::Object exports);

} // namespace bllossom
