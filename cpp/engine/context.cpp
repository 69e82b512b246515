#include "context.h"

#include "assert-guard.h"
#include "cross-graph.h"
#include "error.h"
#include "graph-scheduler.h"
#include "memory-shortage.h"
#include "vision-graph.h"

#include <algorithm>

namespace bllossom {

static constexpr int32_t default_n_batch = 512;

// Of the available memory, the part that a graph's results may take; ggml's work buffers need the rest.
static constexpr double compute_memory_share = 0.8;

int32_t batch_rows(const context_options & options) {
    const int64_t n_batch = options.n_batch > 0 ? options.n_batch : default_n_batch;
    return int32_t(options.n_ctx > 0 ? std::min(n_batch, options.n_ctx) : n_batch);
}

layer_buffer_types cache_types(const backend_set & backends, const placement & place, int32_t n_layer) {
    layer_buffer_types types;
    for (int32_t il = 0; il < n_layer; il++) {
        types.push_back(ggml_backend_get_default_buffer_type(backends.at(place.gpu_of_layer(il))));
    }
    return types;
}

context::context(std::shared_ptr<const model> m, const backend_set & backends, const placement & place,
                 context_options options, std::function<bool()> should_abort)
    : model_(std::move(m)), options_(options), should_abort_(std::move(should_abort)) {
    const assert_guard guard;
    options_.n_batch = batch_rows(options);

    const hparams & hp             = model_->hp;
    const layer_buffer_types types = cache_types(backends, place, hp.text.n_layer);
    self_                          = std::make_unique<self_cache>(hp.text, options_.kv_type, options_.n_ctx);
    cross_                         = std::make_unique<cross_cache>(hp, options_.kv_type, options_.n_images);
    self_->allocate(types);
    cross_->allocate(types);

    graph_memory_ = graph_memory(max_nodes(hp));
    backends_     = backends.all();
    sched_        = new_scheduler(backends_, max_nodes(hp));
    backends.set_abort_callback([](void * data) { return static_cast<context *>(data)->should_abort_(); }, this);
    reserve();
}

[[noreturn]] static void out_of_compute_memory(const std::string & device, size_t needed, size_t available) {
    throw error(format("computing needs %zu MiB on %s, %zu MiB are available: use a smaller batchSize or contextSize",
                       needed >> 20, device.c_str(), available >> 20),
                {device, needed, available, std::nullopt});
}

/**
 * Checks the memory that a graph needs before any is taken: the system promises more than it has and kills the process
 * later. A graph is spent by being measured.
 */
static std::vector<size_t> check_compute_memory(ggml_backend_sched_t sched, ggml_cgraph * gf) {
    const std::vector<size_t> needed = measure_graph(sched, gf);
    for (size_t i = 0; i < needed.size(); i++) {
        ggml_backend_t backend = ggml_backend_sched_get_backend(sched, int(i));
        if (!is_host_memory(ggml_backend_get_default_buffer_type(backend))) {
            continue; // a device refuses what it does not have
        }
        const auto usable = size_t(double(available_memory()) * compute_memory_share);
        if (needed[i] > usable) {
            out_of_compute_memory("CPU", needed[i], usable);
        }
    }
    return needed;
}

void context::reserve() {
    const size_t n_nodes = max_nodes(model_->hp);
    for (const build_function & build : largest_graphs(*model_, *self_, *cross_, options_.n_batch)) {
        std::vector<size_t> needed;
        {
            graph_builder graph(graph_memory_, n_nodes);
            build(graph);
            needed = check_compute_memory(sched_.get(), graph.gf);
        }
        graph_builder graph(graph_memory_, n_nodes);
        build(graph);
        if (!ggml_backend_sched_reserve(sched_.get(), graph.gf)) {
            ggml_backend_t first            = ggml_backend_sched_get_backend(sched_.get(), 0);
            ggml_backend_buffer_type_t type = ggml_backend_get_default_buffer_type(first);
            out_of_compute_memory(memory_name(type), needed.front(), free_memory(type));
        }
    }
    for (ggml_backend_t backend : backends_) {
        scratch_.push_back(ggml_backend_sched_get_buffer_size(sched_.get(), backend));
    }
    holds_tower_ = true;
}

/**
 * Takes another one, with memory for texts: what a scheduler once took only grows. Where even that cannot be had, the
 * next graph says so.
 */
void context::renew_scheduler() {
    sched_.reset();
    sched_       = new_scheduler(backends_, max_nodes(model_->hp));
    holds_tower_ = false;
    observe(collector_);
    graph_builder graph(graph_memory_, max_nodes(model_->hp));
    largest_text_graph(*model_, *self_, *cross_, options_.n_batch)(graph);
    ggml_backend_sched_reserve(sched_.get(), graph.gf);
}

memory_use context::memory() const {
    return add_up_memory(backends_, *model_, *self_, *cross_, scratch_);
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
                    "a device ran out of memory while computing: use a smaller contextSize or fewer gpuLayers");
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
    prefer_large_pages(gf);
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
    const vision_rows rows(model_->hp.vision, image.n_tiles,
                           model_->vision.padding_alike[size_t(image.aspect_ratio_id - 1)]);
    text_.reset(); // its memory is taken
    holds_tower_ = true;
    graph_builder graph(graph_memory_, max_nodes(model_->hp));
    vision_inputs inputs;
    vision_outputs outputs;
    {
        const assert_guard guard;
        outputs = build_vision(graph.ctx.get(), *model_, rows, inputs);
        build_cross_kv(graph.ctx.get(), graph.gf, *model_, *cross_, *inputs.ops, outputs.states, slot);
        if (probe) {
            outputs.features = build_output_copy(graph, build_every_tile(graph.ctx.get(), rows, outputs.features));
            outputs.states   = build_output_copy(graph, build_every_tile(graph.ctx.get(), rows, outputs.states));
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

context::text_run::text_run(context & c, const std::vector<batch_row> & rows, const text_shape & for_shape)
    : shape(for_shape), graph(c.graph_memory_, max_nodes(c.model_->hp)),
      logits(build_text(graph.ctx.get(), graph.gf, *c.model_, *c.self_, *c.cross_, shape, inputs)) {
    if (c.collector_) {
        c.collector_->watch(graph.gf, text_rows(rows, *c.model_, c.options_.mode));
    }
    allocate(c.sched_.get(), graph.gf);
}

/**
 * A step of decoding mostly has the shape of the last one: then its graph, allocated as it is, runs again. A collector
 * wants a new one, since it looks at the rows of a graph before they are computed.
 */
context::text_run & context::prepare_text(const std::vector<batch_row> & rows) {
    const text_shape shape = shape_of(rows, *cross_);
    if (collector_ || !text_ || !(text_->shape == shape)) {
        const assert_guard guard;
        text_.reset();
        if (holds_tower_) {
            renew_scheduler();
        }
        text_.emplace(*this, rows, shape);
    }
    return *text_;
}

void context::read_logits(const ggml_tensor * tensor) {
    n_logits_ = tensor ? size_t(ggml_nelements(tensor)) : 0;
    if (!tensor) {
        return;
    }
    if (ggml_backend_buffer_is_host(tensor->buffer)) {
        logits_ = static_cast<const float *>(tensor->data);
        return;
    }
    logits_copy_.resize(n_logits_);
    ggml_backend_tensor_get(tensor, logits_copy_.data(), 0, ggml_nbytes(tensor));
    logits_ = logits_copy_.data();
}

bool context::decode(const std::vector<batch_row> & rows) {
    text_run & run = prepare_text(rows);
    run.inputs.set(rows, run.shape, options_.mode);
    if (!compute(run.graph.gf)) {
        return false;
    }
    read_logits(run.logits);
    return true;
}

} // namespace bllossom
