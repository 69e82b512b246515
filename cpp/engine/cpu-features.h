#pragma once
// What a CPU backend was compiled for.

struct ggml_backend;

namespace bllossom {

/** Whether it was compiled for a feature, such as "AVX2", and so runs on a CPU that has it. */
bool has_feature(ggml_backend * cpu, const char * name);

} // namespace bllossom
