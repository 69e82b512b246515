#include "model-copy-wrap.h"

#include "promise-worker.h"
#include "read-request.h"
#include "read-value.h"

namespace bllossom {

namespace {

using plan_function = std::function<copy_plan(const model_source &)>;

/** "model", or "text" for a file of llama.cpp. */
plan_function read_plan(Napi::Value what, Napi::Value vision) {
    const std::string kind  = read_string(what, "what");
    const std::string store = read_string(vision, "visionType");
    if (kind == "text") {
        return plan_text_export;
    }
    if (kind != "model" || (store != "keep" && store != "BF16" && store != "Q8_0")) {
        refuse("what must be \"model\" or \"text\", visionType \"keep\", \"BF16\" or \"Q8_0\"");
    }
    const vision_store type = store == "keep"   ? vision_store::keep
                              : store == "BF16" ? vision_store::bf16
                                                : vision_store::q8_0;
    return [type](const model_source & source) { return plan_rewrite(source, type); };
}

} // namespace

void model_copy_wrap::init(Napi::Env env, Napi::Object exports) {
    const Napi::Function constructor = DefineClass(env, "ModelCopy",
                                                   {
                                                       InstanceMethod<&model_copy_wrap::step>("step"),
                                                       InstanceMethod<&model_copy_wrap::finish>("finish"),
                                                       InstanceMethod<&model_copy_wrap::abort>("abort"),
                                                   });
    exports.Set("ModelCopy", constructor);
}

model_copy_wrap::model_copy_wrap(const Napi::CallbackInfo & info)
    : Napi::ObjectWrap<model_copy_wrap>(info), work_(std::make_shared<work>()) {
    guarded(info.Env(), [&]() -> Napi::Value {
        const Napi::Object options = read_object(info[3], "options");
        const auto threads         = read_integer<int32_t>(options.Get("threads"), "threads");
        if (threads < 0) {
            refuse(format("threads is %d; it must not be negative", threads));
        }
        open_ = [plan = read_plan(info[0], options.Get("visionType")), files = read_model_files(info[1]),
                 output = read_string(info[2], "output"), threads](work & w) {
            w.source = std::make_unique<model_source>(files);
            w.copy   = std::make_unique<model_copy>(plan(*w.source), output, threads);
        };
        return info.Env().Undefined();
    });
}

Napi::Value model_copy_wrap::step(const Napi::CallbackInfo & info) {
    return start(info.Env(), [open = std::exchange(open_, nullptr)](work & w) {
        if (open) {
            open(w);
        }
        if (w.copy) {
            w.copy->step();
        }
    });
}

Napi::Value model_copy_wrap::finish(const Napi::CallbackInfo & info) {
    return start(info.Env(), [](work & w) {
        if (w.copy) {
            w.copy->finish();
        }
    });
}

/** A running call keeps its work alive and removes the temporary file when it is over. */
Napi::Value model_copy_wrap::abort(const Napi::CallbackInfo & info) {
    open_ = nullptr;
    work_.reset();
    return info.Env().Undefined();
}

Napi::Value model_copy_wrap::start(Napi::Env env, std::function<void(work &)> call) {
    if (busy_) {
        return rejected(env, error(error_code::invalid_option, "the copy is busy; await the call before this one"));
    }
    if (!work_) {
        return rejected(env, error(error_code::closed, "the copy was aborted"));
    }
    busy_ = true;
    Ref();
    return promise_worker::start(
        env, [w = work_, call = std::move(call)] { call(*w); },
        [w = work_](Napi::Env e) {
            Napi::Object progress = Napi::Object::New(e);
            progress.Set("bytesDone", Napi::Number::New(e, w->copy ? double(w->copy->bytes_done()) : 0));
            progress.Set("bytesTotal", Napi::Number::New(e, w->copy ? double(w->copy->bytes_total()) : 0));
            return progress;
        },
        [this] {
            busy_ = false;
            Unref();
        });
}

} // namespace bllossom
