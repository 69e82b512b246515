#include "context.h"

#include "assert-guard.h"
#include "cross-graph.h"
#include "error.h"
#include "largest-graphs.h"
#include "vision-graph.h"

#include <algorithm>

namespace bllossom {

static constexpr int64_t default_n_ctx    = 8192;
static constexpr int32_t default_n_batch  = 512;
static constexpr int32_t default_n_images = 4;

// Of the available memory, the part that a graph's results may take; ggml's work buffers need the rest.
static constexpr double compute_memory_share = 0.8;

context_options with_defaults(context_options options, const hparams & hp) {
    if (options.n_ctx == 0) {
        options.n_ctx = std::min(hp.text.n_ctx_train, default_n_ctx);
    }
    if (options.n_batch == 0) {
        options.n_batch = default_n_batch;
    }
    options.n_batch = int32_t(std::min<int64_t>(options.n_batch, options.n_ctx));
    if (options.n_images == 0) {
        options.n_images = default_n_images;
    }
    return options;
}

context::context(std::shared_ptr<const model> m, const backend_set & backends, context_options options,
                 std::function<bool()> should_abort)
    : model_(std::move(m)), options_(with_defaults(options, model_->hp)), should_abort_(std::move(should_abort)) {
    const assert_guard guard;

    const ggml_backend_t main       = backends.all().front();
    ggml_backend_buffer_type_t buft = ggml_backend_get_default_buffer_type(main);
    self_                           = std::make_unique<self_cache>(model_->hp.text, options_.kv_type, options_.n_ctx);
    cross_                          = std::make_unique<cross_cache>(model_->hp, options_.kv_type, options_.n_images);
    self_->allocate(buft);
    cross_->allocate(buft);

    const size_t n_nodes = max_nodes(model_->hp);
    graph_memory_        = graph_memory(n_nodes);

    std::vector<ggml_backend_t> list = backends.all();
    sched_.reset(ggml_backend_sched_new(list.data(), nullptr, int(list.size()), n_nodes, false, true));
    backends.set_abort_callback([](void * data) { return static_cast<context *>(data)->should_abort_(); }, this);
    reserve();
}

/**
 * Checks the memory that a graph needs before any is taken: the system promises more than it has and kills the process
 * later. A graph is spent by being measured.
 */
static void check_compute_memory(ggml_backend_sched_t sched, ggml_cgraph * gf) {
    std::vector<size_t> needed(size_t(ggml_backend_sched_get_n_backends(sched)));
    ggml_backend_sched_reserve_size(sched, gf, needed.data());
    ggml_backend_sched_reset(sched);
    for (size_t i = 0; i < needed.size(); i++) {
        ggml_backend_t backend = ggml_backend_sched_get_backend(sched, int(i));
        if (!ggml_backend_buft_is_host(ggml_backend_get_default_buffer_type(backend))) {
            continue; // a device refuses what it does not have
        }
        const auto usable = size_t(double(available_memory()) * compute_memory_share);
        if (needed[i] > usable) {
            throw error(error_code::out_of_memory,
                        format("computing needs %zu MiB, %zu MiB are available: use a smaller batchSize or contextSize",
                               needed[i] >> 20, usable >> 20));
        }
    }
}

void context::reserve() {
    const size_t n_nodes = max_nodes(model_->hp);
    for (const build_function & build : largest_graphs(*model_, *self_, *cross_, options_.n_batch)) {
        {
            graph_builder graph(graph_memory_, n_nodes);
            build(graph);
            check_compute_memory(sched_.get(), graph.gf);
        }
        graph_builder graph(graph_memory_, n_nodes);
        build(graph);
        if (!ggml_backend_sched_reserve(sched_.get(), graph.gf)) {
            throw error(error_code::out_of_memory,
                        "the memory for computing could not be allocated: use a smaller batchSize or contextSize");
        }
    }
}

memory_use context::memory() const {
    memory_use use;
    use.weights    = model_->n_bytes_allocated;
    use.device     = model_->n_bytes_device;
    const auto add = [&](size_t & part, size_t n_bytes, ggml_backend_t backend) {
        part += n_bytes;
        use.device += is_host_memory(ggml_backend_get_default_buffer_type(backend)) ? 0 : n_bytes;
    };
    ggml_backend_t main = ggml_backend_sched_get_backend(sched_.get(), 0);
    add(use.self_cache, self_->n_bytes(), main);
    add(use.cross_cache, cross_->n_bytes(), main);
    for (int i = 0; i < ggml_backend_sched_get_n_backends(sched_.get()); i++) {
        ggml_backend_t backend = ggml_backend_sched_get_backend(sched_.get(), i);
        add(use.compute, ggml_backend_sched_get_buffer_size(sched_.get(), backend), backend);
    }
    return use;
}

cross_image context::locate(int32_t slot, int32_t n_tiles, image_range range) const {
    const vision_hparams & hp = model_->hp.vision;
    return {range, cross_->first_cell(slot), n_tiles * hp.n_pos(), hp.n_rows()};
}

void context::observe(importance_collector * collector) {
    collector_ = collector;
    ggml_backend_sched_set_eval_callback(sched_.get(), collector ? importance_collector::on_node : nullptr, collector);
}

/** Runs an allocated graph; false when it was aborted. */
bool context::compute(ggml_cgraph * gf) {
    const ggml_status status = ggml_backend_sched_graph_compute(sched_.get(), gf);
    if (status == GGML_STATUS_ABORTED) {
        return false;
    }
    if (status == GGML_STATUS_ALLOC_FAILED) {
        throw error(error_code::out_of_memory,
                    "the device ran out of memory while computing: use a smaller contextSize");
    }
    if (status != GGML_STATUS_SUCCESS) {
        throw error(error_code::backend, format("the device failed while computing (ggml status %d)", int(status)));
    }
    return true;
}

static void allocate(ggml_backend_sched_t sched, ggml_cgraph * gf) {
    ggml_backend_sched_reset(sched);
    if (!ggml_backend_sched_alloc_graph(sched, gf)) {
        throw error(error_code::out_of_memory,
                    "the memory for computing could not be allocated: use a smaller batchSize or contextSize");
    }
}

static std::vector<float> read_floats(const ggml_tensor * tensor) {
    std::vector<float> values(size_t(ggml_nelements(tensor)));
    ggml_backend_tensor_get(tensor, values.data(), 0, values.size() * sizeof(float));
    return values;
}

/**
 * A copy that outlives the graph's run. Nodes of its own, because the allocator goes by the nodes: for a graph with the
 * same ones as the last it takes the last plan, in which a tensor marked as output since then may be overwritten.
 */
static ggml_tensor * build_output_copy(graph_builder & graph, ggml_tensor * tensor) {
    ggml_tensor * copy = ggml_cont(graph.ctx.get(), tensor);
    ggml_set_output(copy);
    ggml_build_forward_expand(graph.gf, copy);
    return copy;
}

bool context::encode(const image_input & image, int32_t slot, vision_probe * probe) {
    graph_builder graph(graph_memory_, max_nodes(model_->hp));
    vision_inputs inputs;
    vision_outputs outputs;
    {
        const assert_guard guard;
        outputs = build_vision(graph.ctx.get(), *model_, image.n_tiles, inputs);
        build_cross_kv(graph.ctx.get(), graph.gf, *model_, *cross_, outputs.states, slot);
        if (probe) {
            outputs.features = build_output_copy(graph, outputs.features);
            outputs.states   = build_output_copy(graph, outputs.states);
        }
        if (collector_) {
            collector_->watch(graph.gf, image_rows(image.n_tiles, model_->hp.vision));
        }
        allocate(sched_.get(), graph.gf);
    }
    inputs.set(image, model_->hp.vision);
    if (!compute(graph.gf)) {
        return false;
    }
    if (probe) {
        probe->features = read_floats(outputs.features);
        probe->states   = read_floats(outputs.states);
    }
    return true;
}

bool context::decode(const std::vector<batch_row> & rows) {
    const text_shape shape = shape_of(rows, *self_, *cross_);
    graph_builder graph(graph_memory_, max_nodes(model_->hp));
    text_inputs inputs;
    ggml_tensor * logits = nullptr;
    {
        const assert_guard guard;
        logits = build_text(graph.ctx.get(), graph.gf, *model_, *self_, *cross_, shape, inputs);
        if (collector_) {
            collector_->watch(graph.gf, text_rows(rows, *model_, options_.mode));
        }
        allocate(sched_.get(), graph.gf);
    }
    inputs.set(rows, shape, *self_, options_.mode);
    if (!compute(graph.gf)) {
        return false;
    }
    logits_ = logits ? read_floats(logits) : std::vector<float>();
    return true;
}

} // namespace bllossom
