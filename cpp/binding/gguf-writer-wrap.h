#pragma once
// `GgufWriter` of lib/native/binding.ts.

#include "gguf-writer.h"

#include <memory>

#include <napi.h>

namespace bllossom {

class gguf_writer_wrap : public Napi::ObjectWrap<gguf_writer_wrap> {
  public:
    static void init(Napi::Env env, Napi::Object exports);
    explicit gguf_writer_wrap(const Napi::CallbackInfo & info);

  private:
    Napi::Value write(const Napi::CallbackInfo & info);
    Napi::Value sync(const Napi::CallbackInfo & info);
    Napi::Value finish(const Napi::CallbackInfo & info);
    Napi::Value abort(const Napi::CallbackInfo & info);
    Napi::Value close(const Napi::CallbackInfo & info);

    /** Runs one call of the writer on the pool; rejects when another one is running. */
    Napi::Value start(
        Napi::Env env, std::function<void(gguf_writer &)> call,
        std::function<Napi::Value(Napi::Env)> convert = [](Napi::Env e) { return e.Undefined(); });

    /** Aborts or closes, now or when the running call is over. */
    void end(void (gguf_writer::*how)() noexcept);

    std::shared_ptr<gguf_writer> writer_; // shared with the running call
    bool busy_                                   = false;
    void (gguf_writer::*pending_end_)() noexcept = nullptr;
};

} // namespace bllossom
