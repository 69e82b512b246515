#include "event-pump.h"

#include "write-event.h"

#include <set>

namespace bllossom {

/** The pumps of one environment (the main thread's, or a worker's). */
using living_pumps = std::set<event_pump *>;

static living_pumps & living(Napi::Env env) {
    if (!env.GetInstanceData<living_pumps>()) {
        env.SetInstanceData(new living_pumps); // freed with the environment
    }
    return *env.GetInstanceData<living_pumps>();
}

void event_pump::end_all(Napi::Env env) {
    for (event_pump * pump : living(env)) {
        pump->engine_->request_close();
    }
    for (event_pump * pump : living(env)) {
        pump->engine_->close();
    }
}

event_pump::event_pump(Napi::Env env, Napi::Function listener)
    : env_(env),
      wire_(Napi::ThreadSafeFunction::New(env, listener, "bllossom.engine", /*unlimited queue*/ 0, /*threads*/ 1)),
      engine_(std::make_unique<engine>([this] {
          // At most one call is queued: the engine wakes only when its outbox was empty.
          wire_.NonBlockingCall([this](Napi::Env e, Napi::Function f) { pump(e, f); });
      })) {
    living(env).insert(this);
    wire_.Unref(env);
}

event_pump::~event_pump() {
    cut_wire();
    living(env_).erase(this);
}

/** Lets go of the listener. Waits for the engine thread, which is the only one that calls over the wire. */
void event_pump::cut_wire() {
    engine_->close();
    if (!is_cut_) {
        is_cut_ = true;
        // Abort, not Release: calls that are still queued point into this object and must not run any more.
        wire_.Abort();
    }
}

void event_pump::open(Napi::Env env) {
    if (n_open_++ == 0) {
        wire_.Ref(env);
    }
}

void event_pump::pump(Napi::Env env, Napi::Function listener) {
    const Napi::HandleScope scope(env);
    const bool is_last              = engine_->ended();
    const std::vector<event> events = engine_->drain();
    if (is_last) {
        cut_wire(); // a closed engine must not be kept alive by its own listener
    }
    if (events.empty()) {
        return;
    }
    Napi::Array array = Napi::Array::New(env, events.size());
    size_t n_settled  = 0;
    for (uint32_t i = 0; i < events.size(); i++) {
        const Napi::HandleScope item_scope(env);
        array.Set(i, write_event(env, events[i]));
        n_settled += events[i].is_final();
    }
    n_open_ -= n_settled;
    if (n_settled > 0 && n_open_ == 0 && !is_cut_) {
        wire_.Unref(env);
    }
    if (!array.IsEmpty() && !env.IsExceptionPending()) { // a terminated environment hears nothing any more
        listener.Call({array});
    }
}

} // namespace bllossom
