#pragma once
// Carries events from the engine thread to the JS thread.

#include "engine.h"

#include <memory>

#include <napi.h>

namespace bllossom {

/**
 * An engine and the wire that wakes its listener. The wire carries no data, so what waits is bounded by the requests in
 * flight and never by the wire; it keeps the process alive only while requests are open.
 */
class event_pump {
  public:
    /** listener: called with an array of events. JS thread. */
    event_pump(Napi::Env env, Napi::Function listener);

    /** Closes the engine and waits for its thread. JS thread. */
    ~event_pump();

    event_pump(const event_pump &)             = delete;
    event_pump & operator=(const event_pump &) = delete;

    engine & get_engine() { return *engine_; }

    /** Counts a request that will be settled by an event; the process stays alive for it. JS thread. */
    void open(Napi::Env env);

    /** Closes the engines of every pump of this environment and waits for their threads. JS thread. */
    static void end_all(Napi::Env env);

  private:
    void pump(Napi::Env env, Napi::Function listener);
    void cut_wire();

    Napi::Env env_;
    Napi::ThreadSafeFunction wire_; // holds the listener and with it all that the listener knows, this object included
    bool is_cut_   = false;
    size_t n_open_ = 0;
    std::unique_ptr<engine> engine_;
};

} // namespace bllossom
