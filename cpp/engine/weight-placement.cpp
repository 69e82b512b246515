#include "weight-placement.h"

#include "error.h"
#include "source-tensor.h"

#include <algorithm>

namespace bllossom {

namespace {

// Of the GPU memory that may be planned for, the part that weights may take; caches and compute buffers need the rest.
constexpr double gpu_weight_share = 0.9;

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

/** Whether a tensor is one that a GPU may hold at all. */
bool is_device_weight(const planned_tensor & planned) {
    return planned.part != model_part::input && planned.use != tensor_use::table && planned.use != tensor_use::gate;
}

/** The first text layer that the GPU holds; n_layer when it holds none. */
int32_t first_gpu_layer(ggml_backend_dev_t gpu, const std::vector<planned_tensor> & plan, int32_t n_gpu_layers,
                        const gpu_limits & limits) {
    int32_t n_layer = 0;
    for (const auto & planned : plan) {
        n_layer = std::max(n_layer, planned.il + 1);
    }
    if (n_gpu_layers >= 0) {
        return std::max(0, n_layer - n_gpu_layers);
    }
    size_t free = 0, total = 0;
    ggml_backend_dev_memory(gpu, &free, &total);
    auto budget = weight_budget(free, limits);
    std::vector<uint64_t> layer_bytes(size_t(n_layer), 0);
    for (const auto & planned : plan) {
        if (planned.part == model_part::layer) {
            layer_bytes[size_t(planned.il)] += planned.source->bytes;
        } else if (is_device_weight(planned)) {
            budget -= double(planned.source->bytes);
        }
    }
    int32_t first = n_layer;
    while (first > 0 && budget >= double(layer_bytes[size_t(first) - 1])) {
        budget -= double(layer_bytes[size_t(--first)]);
    }
    return first;
}

} // namespace

double weight_budget(size_t free, const gpu_limits & limits) {
    const double planned = double(free) * limits.share;
    return gpu_weight_share * (limits.max_bytes > 0 ? std::min(planned, limits.max_bytes) : planned);
}

void place_weights(const backend_set & backends, int32_t n_gpu_layers, const gpu_limits & limits,
                   std::vector<planned_tensor> & plan) {
    ggml_backend_dev_t cpu          = ggml_backend_get_device(backends.cpu());
    ggml_backend_buffer_type_t host = ggml_backend_dev_buffer_type(cpu);
    const auto repacking            = repacking_buffer_types(cpu);

    ggml_backend_dev_t gpu  = backends.gpu() != nullptr ? ggml_backend_get_device(backends.gpu()) : nullptr;
    const int32_t gpu_layer = gpu != nullptr ? first_gpu_layer(gpu, plan, n_gpu_layers, limits) : 0;

    const auto place = [&](const planned_tensor & planned) {
        const bool is_matrix = planned.use == tensor_use::matrix;
        const bool on_gpu    = gpu != nullptr && is_device_weight(planned) &&
                            (planned.part != model_part::layer || planned.il >= gpu_layer);
        if (on_gpu) {
            ggml_backend_buffer_type_t device_type = ggml_backend_dev_buffer_type(gpu);
            if (!is_matrix || can_multiply(gpu, device_type, planned)) {
                return device_type;
            }
        }
        const auto repacked = std::find_if(repacking.begin(), repacking.end(), [&](ggml_backend_buffer_type_t type) {
            return is_matrix && can_multiply(cpu, type, planned);
        });
        return repacked != repacking.end() ? *repacked : host;
    };
    for (auto & planned : plan) {
        planned.buffer_type = planned.use == tensor_use::gate ? nullptr : place(planned);
    }
}

} // namespace bllossom
