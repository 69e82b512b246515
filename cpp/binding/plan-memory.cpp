#include "plan-memory.h"

#include "memory-plan.h"
#include "promise-worker.h"
#include "read-request.h"
#include "write-event.h"

namespace bllossom {

Napi::Value plan_memory_of(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    try {
        auto use = std::make_shared<memory_use>();
        return promise_worker::start(
            env, [use, options = read_engine_options(info[0])] { *use = plan_memory(options); },
            [use](Napi::Env e) { return write_memory(e, *use); });
    } catch (const std::exception & e) {
        return rejected(env, e);
    }
}

} // namespace bllossom
