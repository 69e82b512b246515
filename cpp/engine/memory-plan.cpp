#include "memory-plan.h"

#include "assert-guard.h"
#include "backend-libraries.h"
#include "largest-graphs.h"

#include <algorithm>

namespace bllossom {

namespace {

/** Bytes that computing takes, in all and on a GPU. */
struct compute_bytes {
    size_t all    = 0;
    size_t device = 0;
};

/** Buffers grow to the largest graph on each backend. */
compute_bytes measure_compute(const backend_set & backends, const model & m, const self_cache & self,
                              const cross_cache & cross, int32_t n_batch) {
    std::vector<ggml_backend_t> list = backends.all();
    const size_t n_nodes             = max_nodes(m.hp);
    std::vector<uint8_t> memory      = graph_memory(n_nodes);
    ggml_backend_sched_ptr sched(ggml_backend_sched_new(list.data(), nullptr, int(list.size()), n_nodes, false, true));

    std::vector<size_t> largest(list.size(), 0);
    size_t work = 0;
    for (const build_function & build : largest_graphs(m, self, cross, n_batch)) {
        graph_builder graph(memory, n_nodes);
        build(graph);
        work = std::max(work, cpu_work_size(backends.cpu(), graph.gf, backends.n_threads()));
        std::vector<size_t> needed(list.size());
        ggml_backend_sched_reserve_size(sched.get(), graph.gf, needed.data());
        ggml_backend_sched_reset(sched.get());
        for (size_t i = 0; i < list.size(); i++) {
            largest[i] = std::max(largest[i], needed[i]);
        }
    }
    compute_bytes bytes{work, 0};
    for (size_t i = 0; i < list.size(); i++) {
        bytes.all += largest[i];
        bytes.device += is_host_memory(ggml_backend_get_default_buffer_type(list[i])) ? 0 : largest[i];
    }
    return bytes;
}

} // namespace

memory_use plan_memory(const engine_options & options) {
    backend_set backends(options.device, options.n_threads);
    const auto m = outline_model(backends, to_load_options(options));
    if (options.n_threads == 0) {
        backends.set_n_threads(useful_threads(m->n_bytes, backends.n_threads()));
    }
    const context_options c = with_defaults(options.context, m->hp);
    const assert_guard guard;

    ggml_backend_buffer_type_t buft = ggml_backend_get_default_buffer_type(backends.all().front());
    self_cache self(m->hp.text, c.kv_type, c.n_ctx);
    cross_cache cross(m->hp, c.kv_type, c.n_images);
    self.outline(buft);
    cross.outline(buft);

    memory_use use;
    use.weights             = m->n_bytes_allocated;
    use.self_cache          = self.n_bytes();
    use.cross_cache         = cross.n_bytes();
    const compute_bytes run = measure_compute(backends, *m, self, cross, c.n_batch);
    use.compute             = run.all;
    use.device              = m->n_bytes_device + run.device;
    if (!is_host_memory(buft)) {
        use.device += use.self_cache + use.cross_cache;
    }
    return use;
}

} // namespace bllossom
