#include "gguf-writer-wrap.h"

#include "promise-worker.h"
#include "read-value.h"

#include <utility>

namespace bllossom {

namespace {

metadata_entry to_metadata(Napi::Value item, const std::string & place) {
    const Napi::Object entry = read_object(item, place);
    metadata_entry result;
    result.key = read_string(entry.Get("key"), place + ".key");

    const std::string what  = "metadata " + result.key;
    const std::string type  = read_string(entry.Get("type"), place + ".type");
    const Napi::Value value = entry.Get("value");
    if (type == "u32") {
        result.value = read_integer<uint32_t>(value, what);
    } else if (type == "i32") {
        result.value = read_integer<int32_t>(value, what);
    } else if (type == "f32") {
        result.value = float(read_number(value, what));
    } else if (type == "bool") {
        result.value = read_bool(value, what);
    } else if (type == "string") {
        result.value = read_string(value, what);
    } else if (type == "i32[]") {
        result.value = read_list<int32_t>(value, what, read_integer<int32_t>);
    } else if (type == "f32[]") {
        result.value = read_list<float>(value, what, read_number);
    } else if (type == "string[]") {
        result.value = read_list<std::string>(value, what, read_string);
    } else {
        refuse(format("%s.type is \"%.32s\", which metadata cannot have", place.c_str(), type.c_str()));
    }
    return result;
}

tensor_plan to_plan(Napi::Value item, const std::string & place) {
    const Napi::Object entry = read_object(item, place);
    tensor_plan result;
    result.name = read_string(entry.Get("name"), place + ".name");
    result.type = read_string(entry.Get("type"), place + ".type");
    result.ne   = read_list<int64_t>(entry.Get("ne"), "the shape of " + result.name, read_integer<int64_t>);

    const Napi::Value importance = entry.Get("importance");
    if (!importance.IsEmpty() && !importance.IsUndefined()) {
        result.importance = read_float32_array(importance, "the importance of " + result.name);
    }
    return result;
}

Napi::Value to_js(Napi::Env env, const conversion_loss & loss) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("squaredError", Napi::Number::New(env, loss.squared_error));
    result.Set("squaredSum", Napi::Number::New(env, loss.squared_sum));
    return result;
}

/** `{ threads, resume }` */
std::shared_ptr<gguf_writer> open_writer(const Napi::CallbackInfo & info) {
    const auto path             = read_string(info[0], "path");
    const auto metadata         = read_list<metadata_entry>(info[1], "metadata", to_metadata);
    const auto plan             = read_list<tensor_plan>(info[2], "tensors", to_plan);
    const Napi::Object options  = read_object(info[3], "options");
    const auto threads          = read_integer<int32_t>(options.Get("threads"), "threads");
    const Napi::Value rows_done = options.Get("resume");
    if (threads < 0) {
        refuse(format("threads is %d; it must not be negative", threads));
    }
    if (rows_done.IsEmpty() || rows_done.IsUndefined()) {
        return std::make_shared<gguf_writer>(path, metadata, plan, threads);
    }
    const auto n_rows_done = read_list<int64_t>(rows_done, "resume", read_integer<int64_t>);
    return std::make_shared<gguf_writer>(path, metadata, plan, threads, n_rows_done);
}

} // namespace

void gguf_writer_wrap::init(Napi::Env env, Napi::Object exports) {
    const Napi::Function constructor = DefineClass(env, "GgufWriter",
                                                   {
                                                       InstanceMethod<&gguf_writer_wrap::write>("write"),
                                                       InstanceMethod<&gguf_writer_wrap::sync>("sync"),
                                                       InstanceMethod<&gguf_writer_wrap::finish>("finish"),
                                                       InstanceMethod<&gguf_writer_wrap::abort>("abort"),
                                                       InstanceMethod<&gguf_writer_wrap::close>("close"),
                                                   });
    exports.Set("GgufWriter", constructor);
}

gguf_writer_wrap::gguf_writer_wrap(const Napi::CallbackInfo & info) : Napi::ObjectWrap<gguf_writer_wrap>(info) {
    try {
        writer_ = open_writer(info);
    } catch (const std::exception & e) {
        call_error(info.Env(), e).ThrowAsJavaScriptException();
    }
}

Napi::Value gguf_writer_wrap::write(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    try {
        const auto tensor        = read_integer<uint32_t>(info[0], "the number of a tensor");
        const source_type source = source_type_from_name(read_string(info[2], "the source type"));
        auto loss                = std::make_shared<conversion_loss>();
        return start(
            env,
            [tensor, bytes = read_bytes(info[1], "bytes"), source, loss](gguf_writer & writer) {
                *loss = writer.write(tensor, bytes.data(), bytes.size(), source);
            },
            [loss](Napi::Env e) { return to_js(e, *loss); });
    } catch (const std::exception & e) {
        return rejected(env, e);
    }
}

Napi::Value gguf_writer_wrap::sync(const Napi::CallbackInfo & info) {
    return start(info.Env(), [](gguf_writer & writer) { writer.sync(); });
}

Napi::Value gguf_writer_wrap::finish(const Napi::CallbackInfo & info) {
    return start(info.Env(), [](gguf_writer & writer) { writer.finish(); });
}

Napi::Value gguf_writer_wrap::abort(const Napi::CallbackInfo & info) {
    end(&gguf_writer::abort);
    return info.Env().Undefined();
}

Napi::Value gguf_writer_wrap::close(const Napi::CallbackInfo & info) {
    end(&gguf_writer::close);
    return info.Env().Undefined();
}

void gguf_writer_wrap::end(void (gguf_writer::*how)() noexcept) {
    if (busy_) {
        pending_end_ = how; // a running call ends first: the file is its own until then
    } else if (writer_) {
        ((*writer_).*how)();
    }
}

Napi::Value gguf_writer_wrap::start(Napi::Env env, std::function<void(gguf_writer &)> call,
                                    std::function<Napi::Value(Napi::Env)> convert) {
    if (busy_) {
        return rejected(env, error(error_code::invalid_option, "the writer is busy; await the call before this one"));
    }
    busy_ = true;
    Ref(); // the object must outlive the call that will touch it again
    return promise_worker::start(
        env, [writer = writer_, call = std::move(call)] { call(*writer); }, std::move(convert),
        [this] {
            busy_ = false;
            if (pending_end_ != nullptr) {
                end(std::exchange(pending_end_, nullptr));
            }
            Unref();
        });
}

} // namespace bllossom
