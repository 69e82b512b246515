#pragma once
// NativeEngine of lib/native/binding.ts.

#include "event-pump.h"

#include <memory>

#include <napi.h>

namespace bllossom {

class engine_wrap : public Napi::ObjectWrap<engine_wrap> {
  public:
    static Napi::Function define(Napi::Env env);

    explicit engine_wrap(const Napi::CallbackInfo & info);
    ~engine_wrap() override;

  private:
    // Each method checks its arguments, hands a copy to the engine and returns. Throws ERR_INVALID_OPTION.
    Napi::Value load(const Napi::CallbackInfo & info);
    Napi::Value unload(const Napi::CallbackInfo & info);
    Napi::Value generate(const Napi::CallbackInfo & info);
    Napi::Value evaluate(const Napi::CallbackInfo & info);
    Napi::Value encode_image(const Napi::CallbackInfo & info);
    Napi::Value release_image(const Napi::CallbackInfo & info);
    Napi::Value begin_importance(const Napi::CallbackInfo & info);
    Napi::Value collect(const Napi::CallbackInfo & info);
    Napi::Value write_importance(const Napi::CallbackInfo & info);
    Napi::Value end_importance(const Napi::CallbackInfo & info);
    Napi::Value cancel(const Napi::CallbackInfo & info);
    Napi::Value grant(const Napi::CallbackInfo & info);
    Napi::Value clear_caches(const Napi::CallbackInfo & info);
    Napi::Value save_session(const Napi::CallbackInfo & info);
    Napi::Value load_session(const Napi::CallbackInfo & info);
    Napi::Value tokenize(const Napi::CallbackInfo & info);
    Napi::Value detokenize(const Napi::CallbackInfo & info);
    Napi::Value memory(const Napi::CallbackInfo & info);
    Napi::Value close(const Napi::CallbackInfo & info);

    event_pump & pump() const;
    static void end_with_env(void * self); // the environment goes before the garbage collector comes

    Napi::Env env_;
    bool is_closed_ = false;           // commands are refused from then on
    std::unique_ptr<event_pump> pump_; // null when the constructor threw or the environment is gone
};

} // namespace bllossom
