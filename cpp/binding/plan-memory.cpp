#include "plan-memory.h"

#include "promise-worker.h"
#include "read-request.h"
#include "write-memory.h"

namespace bllossom {

Napi::Value plan_memory_of(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    try {
        auto plan = std::make_shared<memory_plan>();
        return promise_worker::start(
            env,
            [plan, options = read_engine_options(info[0])] {
                *plan = plan_memory(backend_set(options.device, options.n_threads), options);
            },
            [plan](Napi::Env e) { return write_memory_plan(e, *plan); });
    } catch (const std::exception & e) {
        return rejected(env, e);
    }
}

} // namespace bllossom
