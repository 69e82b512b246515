#pragma once
// loadBackends of lib/native/binding.ts.

#include <napi.h>

namespace bllossom {

/** (folder: string) -> string[] */
Napi::Value load_backends_of(const Napi::CallbackInfo & info);

} // namespace bllossom
