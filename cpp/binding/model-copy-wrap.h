#pragma once
// `ModelCopy` of lib/native/binding.ts.

#include "rewrite.h"

#include <functional>
#include <memory>

#include <napi.h>

namespace bllossom {

class model_copy_wrap : public Napi::ObjectWrap<model_copy_wrap> {
  public:
    static void init(Napi::Env env, Napi::Object exports);
    explicit model_copy_wrap(const Napi::CallbackInfo & info);

  private:
    /** The model and the copy that reads from it. */
    struct work {
        std::unique_ptr<model_source> source;
        std::unique_ptr<model_copy> copy;
    };

    Napi::Value step(const Napi::CallbackInfo & info);
    Napi::Value finish(const Napi::CallbackInfo & info);
    Napi::Value abort(const Napi::CallbackInfo & info);

    Napi::Value start(Napi::Env env, std::function<void(work &)> call);

    std::function<void(work &)> open_; // on the pool, before the first piece
    std::shared_ptr<work> work_;       // shared with the running call
    bool busy_ = false;
};

} // namespace bllossom
