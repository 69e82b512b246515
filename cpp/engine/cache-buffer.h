#pragma once
// Memory of the caches: checked before it is asked for, because a system that promises more than it has ends the
// process on the first touch, and cleared, because free cells are masked and a mask does not help against NaN.

#include <string>

#include <ggml-cpp.h>

namespace bllossom {

/**
 * One zeroed buffer for all tensors of ctx. what: "the cache for 8192 positions"; option: the one to make smaller.
 * Throws error{out_of_memory}.
 */
ggml_backend_buffer_ptr allocate_cache(ggml_context * ctx, ggml_backend_buffer_type_t buft, const std::string & what,
                                       const char * option);

/**
 * An empty buffer that all tensors of ctx claim to lie in: enough to build graphs with them and to measure these, not
 * to compute.
 */
ggml_backend_buffer_ptr outline_tensors(ggml_context * ctx, ggml_backend_buffer_type_t buft);

} // namespace bllossom
