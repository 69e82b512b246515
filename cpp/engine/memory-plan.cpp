#include "memory-plan.h"

#include "assert-guard.h"
#include "backend-libraries.h"
#include "error.h"
#include "fitting-options.h"
#include "graph-scheduler.h"
#include "largest-graphs.h"
#include "model-needs.h"
#include "system-info.h"

#include <algorithm>

namespace bllossom {

namespace {

// What CUDA's backend takes beside our buffers: cuBLAS's workspace (32 MiB on the largest GPUs) and its pool, where the
// rows of an image are converted for the tower's multiplications (6432 rows of 5120 numbers, in and out: 130 MB).
constexpr uint64_t gpu_reserve = 256 << 20;

constexpr int max_corrections = 8;

/** The backends that a placement uses, the CPU last. */
std::vector<ggml_backend_t> backends_of(const backend_set & backends, const placement & place) {
    std::vector<ggml_backend_t> list;
    for (int32_t gpu = 0; gpu < backends.n_gpus(); gpu++) {
        if (place.uses_gpu(gpu)) {
            list.push_back(backends.at(gpu));
        }
    }
    list.push_back(backends.cpu());
    return list;
}

/** A model with its caches in a placement, as an outline. */
class outlined_engine {
  public:
    outlined_engine(const backend_set & backends, const engine_options & options, const placement & place,
                    int32_t n_threads)
        : list_(backends_of(backends, place)), n_threads_(n_threads), n_batch_(batch_rows(options.context)),
          model_(outline_model(backends, to_load_options(options, place))),
          self_(model_->hp.text, place.kv_type, place.n_ctx), cross_(model_->hp, place.kv_type, place.n_images) {
        const layer_buffer_types types = cache_types(backends, place, model_->hp.text.n_layer);
        self_.outline(types);
        cross_.outline(types);
        model_->n_threads = n_threads;
    }

    /** Bytes of each graph's results on each backend: [graphs][backends]. */
    std::vector<std::vector<size_t>> measure_graphs() const {
        const size_t n_nodes        = max_nodes(model_->hp);
        std::vector<uint8_t> memory = graph_memory(n_nodes);
        const auto sched            = new_scheduler(list_, n_nodes);
        std::vector<std::vector<size_t>> sizes;
        for (const build_function & build : largest_graphs(*model_, self_, cross_, n_batch_)) {
            graph_builder graph(memory, n_nodes);
            build(graph);
            const size_t work = cpu_work_size(list_.back(), graph.gf, n_threads_);
            sizes.push_back(measure_graph(sched.get(), graph.gf));
            sizes.back().back() += work;
        }
        return sizes;
    }

    /** Buffers grow to the largest graph on each backend. */
    memory_use measure() const {
        std::vector<size_t> largest(list_.size(), 0);
        for (const auto & sizes : measure_graphs()) {
            for (size_t i = 0; i < sizes.size(); i++) {
                largest[i] = std::max(largest[i], sizes[i]);
            }
        }
        return add_up_memory(list_, *model_, self_, cross_, largest);
    }

  private:
    std::vector<ggml_backend_t> list_;
    int32_t n_threads_;
    int32_t n_batch_;
    std::unique_ptr<model> model_;
    self_cache self_;
    cross_cache cross_;
};

/** Everything on one device, with the smallest caches. */
placement smallest_placement(int32_t gpu, const model_needs & needs) {
    placement place;
    place.layer_gpu.assign(needs.layers.size(), gpu);
    place.output_gpu = place.vision_gpu = gpu;
    place.n_ctx                         = cell_padding;
    place.n_images                      = 1;
    return place;
}

machine_memory read_machine(const backend_set & backends) {
    machine_memory machine;
    for (int32_t i = 0; i < backends.n_gpus(); i++) {
        ggml_backend_dev_t device = ggml_backend_get_device(backends.at(i));
        size_t free = 0, total = 0;
        ggml_backend_dev_memory(device, &free, &total);
        const bool is_integrated = ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_IGPU;
        machine.gpus.push_back({ggml_backend_dev_name(device), free, total, gpu_reserve, is_integrated});
    }
    machine.host_free = available_memory();
    return machine;
}

placement_wishes read_wishes(const backend_set & backends, const engine_options & options, const model_needs & needs) {
    placement_wishes wishes;
    if (options.n_gpu_layers >= 0) {
        wishes.n_gpu_layers = options.n_gpu_layers;
    }
    if (options.context.n_ctx > 0) {
        wishes.n_ctx = options.context.n_ctx;
    }
    if (options.context.n_images > 0) {
        wishes.n_images = options.context.n_images;
    }
    wishes.kv_types = {options.context.kv_type};
    wishes.kv_types.insert(wishes.kv_types.end(), options.other_types.begin(), options.other_types.end());
    wishes.kv_types.erase(std::remove_if(wishes.kv_types.begin(), wishes.kv_types.end(),
                                         [&](cache_type type) { return needs.n_embd_head % cache_block(type) != 0; }),
                          wishes.kv_types.end());
    if (wishes.kv_types.empty()) {
        throw error(error_code::invalid_option,
                    format("kvCacheType %s stores 32 numbers at a time, but the heads of this model have %lld: use f16",
                           cache_type_name(options.context.kv_type), (long long) needs.n_embd_head));
    }
    wishes.needs_gpu = backends.is_named() && backends.n_gpus() > 0;
    wishes.limits    = options.memory;
    return wishes;
}

class memory_planner {
  public:
    memory_planner(const backend_set & backends, const engine_options & options)
        : backends_(backends), options_(options) {}

    memory_plan plan() {
        const outlined_needs outlined = read_needs(options_);
        needs_                        = outlined.needs;
        n_threads_ = options_.n_threads > 0 ? options_.n_threads : useful_threads(outlined.n_bytes, cores());
        machine_   = read_machine(backends_);
        wishes_    = read_wishes(backends_, options_, needs_);

        const assert_guard guard;
        measure_scratch();
        for (int i = 0; i < max_corrections; i++) {
            const placement place = plan_placement(machine_, needs_, wishes_);
            const memory_use use  = outlined_engine(backends_, options_, place, n_threads_).measure();
            if (!correct(place, use)) {
                return describe(place, use);
            }
        }
        throw error(error_code::internal, "the memory plan does not come to an end");
    }

  private:
    int32_t cores() const { return backends_.n_threads(); }

    /** Of computing all of it on the first GPU, or on the host: without the masks, which grow with the caches. */
    void measure_scratch() {
        const bool has_gpu     = backends_.n_gpus() > 0;
        const placement place  = smallest_placement(has_gpu ? 0 : on_host, needs_);
        const auto sizes       = outlined_engine(backends_, options_, place, n_threads_).measure_graphs();
        const auto & encode    = sizes.at(0);
        const auto & decode    = sizes.at(1);
        needs_.cell_scratch    = uint64_t(batch_rows(options_.context)) * sizeof(uint16_t);
        const uint64_t masks   = needs_.cell_scratch * uint64_t(cell_padding + needs_.slot_cells);
        needs_.text_scratch    = decode.front() > masks ? decode.front() - masks : 0;
        needs_.vision_scratch  = encode.front();
        const size_t host_text = decode.back() > masks ? decode.back() - masks : 0;
        needs_.host_scratch    = has_gpu ? std::max(host_text, encode.back()) : 0;
    }

    /** Whether what was measured does not fit; the devices it was too much for then have less for the next plan. */
    bool correct(const placement & place, const memory_use & use) {
        bool is_too_much  = false;
        const auto adjust = [&](const device_bytes & expected, const device_bytes & measured, uint64_t & reserve,
                                uint64_t least, uint64_t usable) {
            if (measured.total() + least > usable) {
                is_too_much = true;
                reserve =
                    std::max(reserve + 1, least + measured.total() - std::min(expected.total(), measured.total()));
            }
        };
        size_t next = 0;
        for (size_t gpu = 0; gpu < machine_.gpus.size(); gpu++) {
            if (place.uses_gpu(int32_t(gpu))) {
                adjust(place.gpus[gpu], use.devices[next++], machine_.gpus[gpu].reserve, gpu_reserve,
                       usable_bytes(machine_.gpus[gpu], wishes_));
            }
        }
        adjust(place.host, use.devices.back(), machine_.host_reserve, 0, usable_host_bytes(machine_, wishes_));
        return is_too_much;
    }

    memory_plan describe(const placement & place, const memory_use & use) const {
        memory_plan plan;
        plan.place     = place;
        plan.n_threads = n_threads_;
        int32_t gpu    = 0;
        for (const device_use & device : use.devices) {
            planned_device planned;
            static_cast<device_use &>(planned) = device;
            while (device.is_gpu && !place.uses_gpu(gpu)) {
                gpu++;
            }
            if (device.is_gpu) {
                const gpu_memory & memory = machine_.gpus[size_t(gpu)];
                planned.memory_free       = memory.free;
                planned.memory_total      = memory.total;
                planned.limit             = usable_bytes(memory, wishes_);
                planned.reserve           = gpu_reserve;
            } else {
                planned.memory_free  = machine_.host_free;
                planned.memory_total = total_memory();
                planned.limit        = usable_host_bytes(machine_, wishes_);
            }
            const int32_t where = device.is_gpu ? gpu++ : on_host;
            planned.n_layers    = int32_t(std::count(place.layer_gpu.begin(), place.layer_gpu.end(), where));
            plan.devices.push_back(std::move(planned));
        }
        return plan;
    }

    const backend_set & backends_;
    const engine_options & options_;
    int32_t n_threads_ = 1;
    model_needs needs_;
    machine_memory machine_;
    placement_wishes wishes_;
};

} // namespace

memory_use memory_plan::use() const {
    return {{devices.begin(), devices.end()}};
}

memory_plan plan_memory(const backend_set & backends, const engine_options & options) {
    return memory_planner(backends, options).plan();
}

} // namespace bllossom
