#pragma once
// Weights as ggml itself rearranges them for this CPU.

#include "support/computation.h"

#include "backend.h"

#include <string>
#include <vector>

#include <ggml-cpp.h>

/** A buffer type that ggml's CPU backend has beside the plain one, such as "AMX"; null on a CPU without. */
inline ggml_backend_buffer_type_t rearranging_buffer_type(const bllossom::backend_set & backends,
                                                          const std::string & name) {
    ggml_backend_dev_t cpu = ggml_backend_get_device(backends.cpu());
    auto get               = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), "ggml_backend_dev_get_extra_bufts"));
    for (ggml_backend_buffer_type_t * type = get(cpu); type != nullptr && *type != nullptr; type++) {
        if (ggml_backend_buft_name(*type) == name) {
            return *type;
        }
    }
    return nullptr;
}

/** A weight in a buffer of some type, and as it is in a file. */
struct rearranged_weight {
    std::vector<char> bytes;
    ggml_context_ptr ctx;
    ggml_tensor * tensor;
    ggml_backend_buffer_ptr buffer;

    rearranged_weight(ggml_backend_buffer_type_t buffer_type, ggml_type type, int64_t n_in, int64_t n_out)
        : bytes(ggml_row_size(type, n_in) * size_t(n_out)), ctx(ggml_init({ggml_tensor_overhead(), nullptr, true})),
          tensor(ggml_new_tensor_2d(ctx.get(), type, n_in, n_out)),
          buffer(ggml_backend_alloc_ctx_tensors_from_buft(ctx.get(), buffer_type)) {
        const auto values = random_floats(size_t(n_in * n_out));
        ggml_quantize_chunk(type, values.data(), bytes.data(), 0, n_out, n_in, nullptr);
        store();
    }

    /** Puts `bytes` where they belong, after they were changed. */
    void store() { ggml_backend_tensor_set(tensor, bytes.data(), 0, bytes.size()); }
};
