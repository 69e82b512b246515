// What happens when a model cannot fit: a typed error, and an engine that goes on working.

#include "backend.h"
#include "commands.h"
#include "error.h"
#include "json-line.h"
#include "memory-plan.h"
#include "session.h"
#include "workload.h"

namespace bench {

using namespace bllossom;

namespace {

/** A context whose cache alone is twice what any device of this machine has. */
int64_t absurd_context(const engine_options & options) {
    engine_options small = options;
    small.context.n_ctx  = 1024;
    const backend_set backends(options.device, options.n_threads);
    const double cell = double(plan_memory(backends, small).use().sum().self_cache) / 1024;
    double largest    = 0;
    for (const device_info & device : list_devices()) {
        largest = std::max(largest, double(device.memory_total));
    }
    return int64_t(2 * largest / cell);
}

/** The code with which loading fails; "" when it does not. */
std::string load_error(session & s, const engine_options & options) {
    try {
        s.load(options);
    } catch (const error & e) {
        return error_code_name(e.code());
    }
    return "";
}

std::vector<int32_t> answer(session & s, const engine_options & options) {
    return s.run(workload(s.load(options)).text(8, 16)).tokens;
}

} // namespace

void run_out_of_memory(const arguments & args) {
    const engine_options options = read_options(args, args.word(0, "the model"));
    args.check_all_used();
    engine_options absurd = options;
    absurd.context.n_ctx  = absurd_context(options);

    session s;
    const auto before      = answer(s, options);
    const std::string code = load_error(s, absurd);
    const auto after       = answer(s, options);
    json_line()
        .add("name", "out-of-memory")
        .add("context", double(absurd.context.n_ctx))
        .add("code", code)
        .add("survived", code == error_code_name(error_code::out_of_memory) && !before.empty() && after == before)
        .print();
}

} // namespace bench
