#pragma once
// The options and requests of lib/native/binding.ts as the engine's structs. All throw error{invalid_option}.

#include "engine.h"

#include <napi.h>

namespace bllossom {

/** The keys of NativeModelFiles. */
model_files read_model_files(Napi::Value value);
engine_options read_engine_options(Napi::Value value);
std::vector<prompt_part> read_prompt(Napi::Value value);
generate_request read_generate_request(Napi::Value value);
/** `name` is what messages call it. */
image_input read_image(Napi::Value value, const std::string & name);
evaluate_request read_evaluate_request(Napi::Value value);
importance_target read_importance_target(Napi::Value value);

} // namespace bllossom
