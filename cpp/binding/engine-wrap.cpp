#include "engine-wrap.h"

#include "read-request.h"
#include "read-value.h"
#include "write-array.h"
#include "write-memory.h"

namespace bllossom {

Napi::Function engine_wrap::define(Napi::Env env) {
    return DefineClass(env, "Engine",
                       {
                           InstanceMethod<&engine_wrap::load>("load"),
                           InstanceMethod<&engine_wrap::unload>("unload"),
                           InstanceMethod<&engine_wrap::generate>("generate"),
                           InstanceMethod<&engine_wrap::evaluate>("evaluate"),
                           InstanceMethod<&engine_wrap::encode_image>("encodeImage"),
                           InstanceMethod<&engine_wrap::release_image>("releaseImage"),
                           InstanceMethod<&engine_wrap::begin_importance>("beginImportance"),
                           InstanceMethod<&engine_wrap::collect>("collect"),
                           InstanceMethod<&engine_wrap::write_importance>("writeImportance"),
                           InstanceMethod<&engine_wrap::end_importance>("endImportance"),
                           InstanceMethod<&engine_wrap::cancel>("cancel"),
                           InstanceMethod<&engine_wrap::grant>("grant"),
                           InstanceMethod<&engine_wrap::clear_caches>("clearCaches"),
                           InstanceMethod<&engine_wrap::save_session>("saveSession"),
                           InstanceMethod<&engine_wrap::load_session>("loadSession"),
                           InstanceMethod<&engine_wrap::tokenize>("tokenize"),
                           InstanceMethod<&engine_wrap::detokenize>("detokenize"),
                           InstanceMethod<&engine_wrap::memory>("memory"),
                           InstanceMethod<&engine_wrap::close>("close"),
                       });
}

void engine_wrap::end_with_env(void * self) {
    static_cast<engine_wrap *>(self)->pump_.reset();
}

engine_wrap::engine_wrap(const Napi::CallbackInfo & info) : Napi::ObjectWrap<engine_wrap>(info), env_(info.Env()) {
    guarded(env_, [&]() -> Napi::Value {
        if (info.Length() < 1 || !info[0].IsFunction()) {
            refuse("Engine needs a function that takes events");
        }
        pump_ = std::make_unique<event_pump>(env_, info[0].As<Napi::Function>());
        napi_add_env_cleanup_hook(env_, end_with_env, this);
        return env_.Undefined();
    });
}

engine_wrap::~engine_wrap() {
    napi_remove_env_cleanup_hook(env_, end_with_env, this);
}

event_pump & engine_wrap::pump() const {
    if (!pump_ || is_closed_) {
        throw error(error_code::closed, "the engine is closed");
    }
    return *pump_;
}

/** The id of a command: a number that the caller counts up from 1. */
static uint32_t read_id(Napi::Value value, const char * name) {
    const uint32_t id = read_integer<uint32_t>(value, name);
    if (id == 0) {
        refuse(format("%s is 0, but must be at least 1", name));
    }
    return id;
}

static uint32_t read_id(const Napi::CallbackInfo & info) {
    return read_id(info[0], "id");
}

Napi::Value engine_wrap::load(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id      = read_id(info);
        engine_options options = read_engine_options(info[1]);
        pump().open(env_);
        pump().get_engine().load(id, std::move(options));
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::unload(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id = read_id(info);
        pump().open(env_);
        pump().get_engine().unload(id);
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::generate(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id        = read_id(info);
        generate_request request = read_generate_request(info[1]);
        pump().open(env_);
        pump().get_engine().generate(id, std::move(request));
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::evaluate(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id        = read_id(info);
        evaluate_request request = read_evaluate_request(info[1]);
        pump().open(env_);
        pump().get_engine().evaluate(id, std::move(request));
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::encode_image(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id = read_id(info);
        image_input image = read_image(info[1], "image");
        pump().open(env_);
        pump().get_engine().encode_image(id, std::move(image));
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::release_image(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id   = read_id(info);
        const uint32_t kept = read_id(info[1], "kept");
        pump().open(env_);
        pump().get_engine().release_image(id, kept);
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::begin_importance(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id = read_id(info);
        std::string from  = info[1].IsNull() ? "" : read_string(info[1], "from");
        pump().open(env_);
        pump().get_engine().begin_importance(id, std::move(from));
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::collect(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id        = read_id(info);
        evaluate_request request = read_evaluate_request(info[1]);
        pump().open(env_);
        pump().get_engine().collect(id, std::move(request));
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::write_importance(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id        = read_id(info);
        importance_target target = read_importance_target(info[1]);
        pump().open(env_);
        pump().get_engine().write_importance(id, std::move(target));
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::end_importance(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id = read_id(info);
        pump().open(env_);
        pump().get_engine().end_importance(id);
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::cancel(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id = read_id(info);
        if (pump_ && !is_closed_) { // a closed engine has no open ids: nothing to cancel, and no fault of the caller's
            pump_->get_engine().cancel(id);
        }
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::grant(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id    = read_id(info);
        const int64_t pieces = read_integer<int64_t>(info[1], "pieces");
        if (pump_ && !is_closed_) {
            pump_->get_engine().grant(id, pieces);
        }
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::clear_caches(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id = read_id(info);
        pump().open(env_);
        pump().get_engine().clear_caches(id);
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::save_session(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id = read_id(info);
        std::string path  = read_string(info[1], "path");
        pump().open(env_);
        pump().get_engine().save_session(id, std::move(path));
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::load_session(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const uint32_t id = read_id(info);
        std::string path  = read_string(info[1], "path");
        pump().open(env_);
        pump().get_engine().load_session(id, std::move(path));
        return env_.Undefined();
    });
}

Napi::Value engine_wrap::tokenize(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const std::vector<int32_t> tokens = pump().get_engine().get_vocab()->tokenize(read_prompt(info[0]));
        return write_array<Napi::Int32Array>(env_, tokens);
    });
}

Napi::Value engine_wrap::detokenize(const Napi::CallbackInfo & info) {
    return guarded(env_, [&]() -> Napi::Value {
        const std::vector<int32_t> tokens = read_int32_array(info[0], "tokens");
        return Napi::String::New(env_, pump().get_engine().get_vocab()->detokenize(tokens));
    });
}

Napi::Value engine_wrap::memory(const Napi::CallbackInfo &) {
    return guarded(env_, [&]() -> Napi::Value { return write_memory(env_, pump().get_engine().memory()); });
}

Napi::Value engine_wrap::close(const Napi::CallbackInfo &) {
    return guarded(env_, [&]() -> Napi::Value {
        is_closed_ = true;
        if (pump_) {
            pump_->get_engine().request_close();
        }
        return env_.Undefined();
    });
}

} // namespace bllossom
