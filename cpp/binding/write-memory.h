#pragma once
// What lies on which device, and what was short, as plain objects (lib/native/binding.ts).

#include "memory-plan.h"
#include "memory-shortage.h"

#include <napi.h>

namespace bllossom {

/** NativeMemory */
Napi::Object write_memory(Napi::Env env, const memory_use & use);

/** NativeMemoryPlan */
Napi::Object write_memory_plan(Napi::Env env, const memory_plan & plan);

/** Adds needed, available and, where options are known that fit, wouldFit. */
void write_shortage(Napi::Object target, const memory_shortage & shortage);

} // namespace bllossom
