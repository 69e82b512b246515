// How much memory: what was planned, what the engine says it took, and what is gone from the device and the host.

#include "backend.h"
#include "commands.h"
#include "json-line.h"
#include "memory-plan.h"
#include "session.h"
#include "workload.h"

#include <algorithm>
#include <fstream>

namespace bench {

using namespace bllossom;

namespace {

/** A line of /proc/self/status in bytes; 0 where there is none. */
double process_bytes(const std::string & key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind(key + ":", 0) == 0) {
            return 1024 * std::stod(line.substr(key.size() + 1));
        }
    }
    return 0;
}

/** Of the first GPU; 0 without one. */
double gpu_free() {
    const auto devices = list_devices();
    const auto gpu     = std::find_if(devices.begin(), devices.end(), [](const auto & d) { return d.type == "gpu"; });
    return gpu == devices.end() ? 0 : double(gpu->memory_free);
}

json_line use_line(const char * name, const memory_use & use) {
    const device_bytes all = use.sum();
    return json_line()
        .add("name", name)
        .add("unit", "bytes")
        .add("weights", double(all.weights + all.vision))
        .add("self_cache", double(all.self_cache))
        .add("cross_cache", double(all.cross_cache))
        .add("compute", double(all.scratch))
        .add("device", double(use.on_gpus()))
        .add("total", double(all.total()));
}

} // namespace

void run_memory(const arguments & args) {
    const engine_options options = read_options(args, args.word(0, "the model"));
    const auto n_tiles           = int32_t(args.integer("tiles", 4, 1, 64));
    args.check_all_used();

    use_line("plan", plan_memory(backend_set(options.device, options.n_threads), options).use()).print();
    const double free_before = gpu_free();
    const double host_before = process_bytes("VmRSS");
    session s;
    const auto info = s.load(options);
    use_line("reported", info->memory).print();

    // The largest graphs once: what is reserved but never touched is not resident on the host.
    workload work(info);
    s.run(work.text(info->n_ctx - 1, 1));
    s.run(work.picture(n_tiles, 16, 16));
    json_line()
        .add("name", "measured")
        .add("unit", "bytes")
        .add("device", free_before - gpu_free())
        .add("host", process_bytes("VmHWM") - host_before)
        .print();
}

} // namespace bench
