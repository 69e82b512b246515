#pragma once
// `planMemory` of lib/native/binding.ts.

#include <napi.h>

namespace bllossom {

Napi::Value plan_memory_of(const Napi::CallbackInfo & info);

} // namespace bllossom
