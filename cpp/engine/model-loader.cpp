#include "model.h"

#include "assert-guard.h"
#include "block-kernels.h"
#include "byte-kernels.h"
#include "cache-buffer.h"
#include "cell-kernels.h"
#include "cpu-tiles.h"
#include "error.h"
#include "host.h"
#include "memory-shortage.h"
#include "model-fingerprint.h"
#include "model-source.h"
#include "padding-tiles.h"
#include "tensor-plan.h"
#include "weight-placement.h"
#include "weight-reader.h"

#include <algorithm>
#include <map>
#include <new>
#include <system_error>

namespace bllossom {

namespace {

/** The tensors of one buffer type. */
struct weight_group {
    ggml_context * ctx                     = nullptr;
    ggml_backend_buffer_type_t buffer_type = nullptr;
    ggml_backend_buffer_usage usage        = GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
};

/**
 * The frequencies of RoPE are read on every device. As weights they would cut a graph wherever they lie elsewhere, once
 * per layer; as what they are, a few numbers, they are copied once.
 */
ggml_backend_buffer_usage usage_of(const planned_tensor & planned) {
    const bool is_read_everywhere = planned.part == model_part::input && planned.use == tensor_use::vector;
    return is_read_everywhere ? GGML_BACKEND_BUFFER_USAGE_ANY : GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
}

class model_loader {
  public:
    model_loader(const backend_set & backends, const load_options & options)
        : backends_(backends), options_(options), source_(options), model_(std::make_unique<model>()) {}

    std::unique_ptr<model> outline() {
        const assert_guard guard;
        plan();
        for (const auto & group : groups_) {
            model_->buffers.push_back(outline_tensors(group.ctx, group.buffer_type));
            ggml_backend_buffer_set_usage(model_->buffers.back().get(), group.usage);
        }
        return std::move(model_);
    }

    std::unique_ptr<model> load() {
        const assert_guard guard;
        plan();
        check_memory();
        allocate();
        read_tensors();
        model_->vision.padding_alike = find_alike_padding(model_->hp.vision, model_->vision);
        model_->fingerprint          = fingerprint_of(source_);
        return std::move(model_);
    }

  private:
    void plan() {
        model_->hp = read_hparams(source_);
        plan_      = plan_tensors(model_->hp, model_->vision, model_->text);
        match_tensors(source_, plan_);
        summarize();
        create_tensors();
        choose_kernels();
    }

    /** Of ours, for what the CPU computes. */
    void choose_kernels() {
        model_->n_threads = backends_.n_threads();
        if (!options_.place.uses_any_gpu()) {
            model_->vision.kernels = find_tower_kernels();
            model_->text.bytes     = find_byte_kernels(backends_.cpu());
        }
        model_->text.kernels = has_bf16_tiles() ? amx_kernels() : nullptr;
        for (size_t il = 0; il < model_->text.layers.size(); il++) {
            if (options_.place.gpu_of_layer(int32_t(il)) == on_host) {
                model_->text.layers[il].kernels = find_cell_kernels(backends_.cpu());
            }
        }
    }

    /** Rounding is for weights that are rounded themselves. */
    const block_kernels * find_tower_kernels() const {
        const bool is_rounded          = std::all_of(plan_.begin(), plan_.end(), [](const planned_tensor & planned) {
            return planned.use != tensor_use::image_matrix || planned.source->type == GGML_TYPE_BF16 ||
                   ggml_is_quantized(planned.source->type);
        });
        const block_kernels * rounding = is_rounded ? find_rounding_kernels(backends_.cpu()) : nullptr;
        return rounding != nullptr ? rounding : find_block_kernels(backends_.cpu());
    }

    void summarize() {
        std::map<ggml_type, int64_t> elements;
        for (const auto & planned : plan_) {
            model_->n_params += planned.source->n_elements();
            model_->n_bytes += planned.source->bytes;
            elements[planned.source->type] += planned.source->n_elements();
        }
        const auto most = std::max_element(elements.begin(), elements.end(),
                                           [](const auto & a, const auto & b) { return a.second < b.second; });
        model_->ftype   = ggml_type_name(most->first);
        std::transform(model_->ftype.begin(), model_->ftype.end(), model_->ftype.begin(),
                       [](unsigned char c) { return char(std::toupper(c)); });
    }

    weight_group & group_of(const planned_tensor & planned) {
        const ggml_backend_buffer_usage usage = usage_of(planned);
        for (auto & group : groups_) {
            if (group.buffer_type == planned.buffer_type && group.usage == usage) {
                return group;
            }
        }
        const ggml_init_params params{plan_.size() * ggml_tensor_overhead(), nullptr, true};
        model_->contexts.emplace_back(ggml_init(params));
        groups_.push_back({model_->contexts.back().get(), planned.buffer_type, usage});
        return groups_.back();
    }

    void create_tensors() {
        place_weights(backends_, options_.place, plan_);
        for (const auto & planned : plan_) {
            if (planned.use == tensor_use::gate) {
                continue;
            }
            const source_tensor & source = *planned.source;
            ggml_context * ctx           = group_of(planned).ctx;
            *planned.slot                = ggml_new_tensor(ctx, source.type, source.n_dims, source.ne.data());
            ggml_set_name(*planned.slot, source.name.c_str());
            count(planned);
        }
    }

    void count(const planned_tensor & planned) const {
        weight_use & use   = model_->use[memory_name(planned.buffer_type)];
        const size_t align = ggml_backend_buft_get_alignment(planned.buffer_type);
        const size_t bytes = ggml_backend_buft_get_alloc_size(planned.buffer_type, *planned.slot);
        (planned.part == model_part::vision ? use.vision : use.text) += (bytes + align - 1) / align * align;
    }

    [[noreturn]] static void out_of_memory(const std::string & where, size_t needed, size_t available) {
        throw error(format("the weights need %zu MiB on %s, %zu MiB are available; free memory, use a smaller "
                           "quantization, or change gpuLayers",
                           needed >> 20, where.c_str(), available >> 20),
                    {where, needed, available, std::nullopt});
    }

    /** Adds up what will be allocated on each device before anything is: a plan may be older than other processes. */
    void check_memory() const {
        std::map<std::string, size_t> needed, free;
        for (const auto & group : groups_) {
            const std::string where = memory_name(group.buffer_type);
            needed[where] += ggml_backend_alloc_ctx_tensors_from_buft_size(group.ctx, group.buffer_type);
            free[where] = free_memory(group.buffer_type);
        }
        needed["CPU"] += staging_bytes(plan_, backends_.n_threads());
        free["CPU"] = available_memory();
        for (const auto & [where, bytes] : needed) {
            if (bytes > free[where]) {
                out_of_memory(where, bytes, free[where]);
            }
        }
    }

    void allocate() {
        for (const auto & group : groups_) {
            ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors_from_buft(group.ctx, group.buffer_type);
            if (buffer == nullptr) {
                const size_t needed = ggml_backend_alloc_ctx_tensors_from_buft_size(group.ctx, group.buffer_type);
                out_of_memory(memory_name(group.buffer_type), needed, free_memory(group.buffer_type));
            }
            model_->buffers.emplace_back(buffer);
            prefer_large_pages(buffer);
            ggml_backend_buffer_set_usage(buffer, group.usage);
        }
    }

    void read_tensors() const {
        reading_options reading;
        reading.check_values    = options_.check_tensors;
        reading.gates_activated = model_->hp.vision.gates_activated;
        reading.has_q4_k_panels = find_byte_kernels(backends_.cpu()) != nullptr;
        reading.n_threads       = backends_.n_threads();
        reading.progress        = options_.progress;
        read_weights(plan_, reading);
    }

    const backend_set & backends_;
    const load_options & options_;
    model_source source_;
    std::unique_ptr<model> model_;
    std::vector<planned_tensor> plan_;
    std::vector<weight_group> groups_;
};

} // namespace

std::unique_ptr<model> outline_model(const backend_set & backends, const load_options & options) {
    return model_loader(backends, options).outline();
}

std::unique_ptr<model> load_model(const backend_set & backends, const load_options & options) {
    try {
        return model_loader(backends, options).load();
    } catch (const std::bad_alloc &) {
        throw error(error_code::out_of_memory, format("memory ran out while %s was loaded", options.path.c_str()));
    } catch (const std::system_error & e) { // of std::async
        throw error(error_code::out_of_memory, format("no thread can be started to read weights: %s", e.what()));
    }
}

} // namespace bllossom
