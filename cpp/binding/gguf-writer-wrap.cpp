#include "gguf-writer-wrap.h"

#include "promise-worker.h"
#include "read-value.h"

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
    return result;
}

} // namespace

void gguf_writer_wrap::init(Napi::Env env, Napi::Object exports) {
    const Napi::Function constructor = DefineClass(env, "GgufWriter",
                                                   {
                                                       InstanceMethod<&gguf_writer_wrap::write>("write"),
                                                       InstanceMethod<&gguf_writer_wrap::finish>("finish"),
                                                       InstanceMethod<&gguf_writer_wrap::abort>("abort"),
                                                   });
    exports.Set("GgufWriter", constructor);
}

gguf_writer_wrap::gguf_writer_wrap(const Napi::CallbackInfo & info) : Napi::ObjectWrap<gguf_writer_wrap>(info) {
    try {
        const auto metadata = read_list<metadata_entry>(info[1], "metadata", to_metadata);
        const auto plan     = read_list<tensor_plan>(info[2], "tensors", to_plan);
        const auto threads  = read_integer<int32_t>(info[3], "threads");
        if (threads < 0) {
            refuse(format("threads is %d; it must not be negative", threads));
        }
        writer_ = std::make_shared<gguf_writer>(read_string(info[0], "path"), metadata, plan, threads);
    } catch (const std::exception & e) {
        call_error(info.Env(), e).ThrowAsJavaScriptException();
    }
}

Napi::Value gguf_writer_wrap::write(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    try {
        const source_type source = source_type_from_name(read_string(info[1], "the source type"));
        return start(env, [bytes = read_bytes(info[0], "bytes"), source](gguf_writer & writer) {
            writer.write(bytes.data(), bytes.size(), source);
        });
    } catch (const std::exception & e) {
        return rejected(env, e);
    }
}

Napi::Value gguf_writer_wrap::finish(const Napi::CallbackInfo & info) {
    return start(info.Env(), [](gguf_writer & writer) { writer.finish(); });
}

Napi::Value gguf_writer_wrap::abort(const Napi::CallbackInfo & info) {
    abort_pending_ = busy_; // a running call ends first: the file is its own until then
    if (!busy_ && writer_) {
        writer_->abort();
    }
    return info.Env().Undefined();
}

Napi::Value gguf_writer_wrap::start(Napi::Env env, std::function<void(gguf_writer &)> call) {
    if (busy_) {
        return rejected(env, error(error_code::invalid_option, "the writer is busy; await the call before this one"));
    }
    busy_ = true;
    Ref(); // the object must outlive the call that will touch it again
    return promise_worker::start(
        env, [writer = writer_, call = std::move(call)] { call(*writer); }, [](Napi::Env e) { return e.Undefined(); },
        [this] {
            busy_ = false;
            if (abort_pending_) {
                abort_pending_ = false;
                writer_->abort();
            }
            Unref();
        });
}

} // namespace bllossom
