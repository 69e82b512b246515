#pragma once
// Events of the engine as the objects of lib/native/binding.ts.

#include "event.h"

#include <napi.h>

namespace bllossom {

Napi::Object write_event(Napi::Env env, const event & e);

} // namespace bllossom
