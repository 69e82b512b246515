#include "weight-placement.h"

#include "block-kernels.h"
#include "source-tensor.h"

#include <algorithm>

namespace bllossom {

namespace {

/** Buffer types of the CPU that store weights in a layout of their own, best first. */
std::vector<ggml_backend_buffer_type_t> repacking_buffer_types(ggml_backend_dev_t cpu) {
    auto get = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), "ggml_backend_dev_get_extra_bufts"));
    std::vector<ggml_backend_buffer_type_t> types;
    if (get != nullptr) {
        for (ggml_backend_buffer_type_t * type = get(cpu); type != nullptr && *type != nullptr; type++) {
            types.push_back(*type);
        }
    }
    return types;
}

/**
 * Whether a device multiplies with this matrix where it lies in that buffer type. A backend decides by the weight's
 * buffer, so the trial multiplication gets an empty one; nothing is computed.
 */
bool can_multiply(ggml_backend_dev_t device, ggml_backend_buffer_type_t buffer_type, const planned_tensor & planned) {
    constexpr int64_t n_rows = 512;
    const ggml_init_params params{4 * ggml_tensor_overhead(), nullptr, true};
    ggml_context_ptr ctx(ggml_init(params));
    ggml_backend_buffer_ptr buffer(ggml_backend_buft_alloc_buffer(buffer_type, 0));
    if (!ctx || !buffer) {
        return false;
    }
    ggml_tensor * weight = ggml_new_tensor_2d(ctx.get(), planned.source->type, planned.ne[0], planned.ne[1]);
    ggml_tensor * rows   = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, planned.ne[0], n_rows);
    ggml_tensor * result = ggml_mul_mat(ctx.get(), weight, rows);
    weight->buffer       = buffer.get();
    return ggml_backend_dev_supports_op(device, result);
}

/** The GPU that a placement has for a tensor, or on_host. */
int32_t gpu_of(const planned_tensor & planned, const placement & place) {
    switch (planned.part) {
    case model_part::input: // the frequencies of RoPE, which is computed where the layers lie
        return planned.use == tensor_use::vector && place.n_gpu_layers() == int32_t(place.layer_gpu.size())
                   ? place.output_gpu
                   : on_host;
    case model_part::vision:
        return place.vision_gpu;
    case model_part::layer:
        return place.gpu_of_layer(planned.il);
    case model_part::output:
        return place.output_gpu;
    }
    return on_host;
}

/** Buffer types of the host for matrices, best first. */
std::vector<ggml_backend_buffer_type_t> host_matrix_types(const backend_set & backends, const placement & place) {
    for (int32_t gpu = 0; gpu < backends.n_gpus(); gpu++) {
        if (place.uses_gpu(gpu)) {
            auto pinned = ggml_backend_dev_host_buffer_type(ggml_backend_get_device(backends.at(gpu)));
            return pinned != nullptr ? std::vector{pinned} : std::vector<ggml_backend_buffer_type_t>();
        }
    }
    return repacking_buffer_types(ggml_backend_get_device(backends.cpu()));
}

} // namespace

void place_weights(const backend_set & backends, const placement & place, std::vector<planned_tensor> & plan) {
    ggml_backend_dev_t cpu  = ggml_backend_get_device(backends.cpu());
    const auto for_matrices = host_matrix_types(backends, place);
    const bool has_kernels  = !place.uses_any_gpu() && find_block_kernels(backends.cpu()) != nullptr; // they read rows

    const auto buffer_type = [&](const planned_tensor & planned) {
        const int32_t gpu = planned.use == tensor_use::table ? on_host : gpu_of(planned, place);
        if (gpu != on_host) {
            ggml_backend_dev_t device       = ggml_backend_get_device(backends.at(gpu));
            ggml_backend_buffer_type_t type = ggml_backend_dev_buffer_type(device);
            if (!is_matrix(planned.use) || can_multiply(device, type, planned)) {
                return type;
            }
        }
        const bool may_repack = is_matrix(planned.use) && !(has_kernels && planned.use == tensor_use::image_matrix);
        const auto better =
            std::find_if(for_matrices.begin(), for_matrices.end(), [&](ggml_backend_buffer_type_t type) {
                return may_repack && can_multiply(cpu, type, planned);
            });
        return better != for_matrices.end() ? *better : ggml_backend_dev_buffer_type(cpu);
    };
    for (auto & planned : plan) {
        planned.buffer_type = planned.use == tensor_use::gate ? nullptr : buffer_type(planned);
    }
}

} // namespace bllossom
