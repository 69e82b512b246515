#pragma once
// systemInfo of lib/native/binding.ts.

#include <napi.h>

namespace bllossom {

/** () -> NativeSystemInfo */
Napi::Value system_info(const Napi::CallbackInfo & info);

} // namespace bllossom
