#include "gguf-writer-wrap.h"

#include "promise-worker.h"
#include "throw.h"

#include <cmath>
#include <cstdint>
#include <limits>

namespace bllossom {

namespace {

[[noreturn]] void refuse(const std::string & message) {
    throw error(error_code::invalid_option, message);
}

std::string text(Napi::Value value, const char * what) {
    if (!value.IsString()) {
        refuse(format("%s must be a string", what));
    }
    return value.As<Napi::String>().Utf8Value();
}

double number(Napi::Value value, const std::string & what) {
    if (!value.IsNumber()) {
        refuse(format("%s must be a number", what.c_str()));
    }
    return value.As<Napi::Number>().DoubleValue();
}

template <typename T> T integer(Napi::Value value, const std::string & what) {
    const double result = number(value, what);
    const double limit  = std::min(double(std::numeric_limits<T>::max()), 9007199254740991.0);
    if (!(result >= double(std::numeric_limits<T>::min()) && result <= limit) || std::trunc(result) != result) {
        refuse(format("%s is %g; it must be an integer of at most %.0f", what.c_str(), result, limit));
    }
    return T(result);
}

Napi::Array array(Napi::Value value, const std::string & what) {
    if (!value.IsArray()) {
        refuse(format("%s must be an array", what.c_str()));
    }
    return value.As<Napi::Array>();
}

Napi::Object object(Napi::Value value, const std::string & what) {
    if (!value.IsObject()) {
        refuse(format("%s must be an object", what.c_str()));
    }
    return value.As<Napi::Object>();
}

/** Element by element; every element gets its own handle scope, for the lists of tokens are long. */
template <typename T, typename F> std::vector<T> list(Napi::Value value, const std::string & what, F && convert) {
    const Napi::Array items = array(value, what);
    std::vector<T> result;
    result.reserve(items.Length());
    for (uint32_t i = 0; i < items.Length(); ++i) {
        Napi::HandleScope scope(value.Env());
        result.push_back(convert(items.Get(i)));
    }
    return result;
}

metadata_entry to_metadata(Napi::Value item) {
    const Napi::Object entry = object(item, "a metadata entry");
    metadata_entry result;
    result.key = text(entry.Get("key"), "the key of a metadata entry");

    const std::string what  = "metadata " + result.key;
    const std::string type  = text(entry.Get("type"), "the type of a metadata entry");
    const Napi::Value value = entry.Get("value");
    if (type == "u32") {
        result.value = integer<uint32_t>(value, what);
    } else if (type == "i32") {
        result.value = integer<int32_t>(value, what);
    } else if (type == "f32") {
        result.value = float(number(value, what));
    } else if (type == "bool" && value.IsBoolean()) {
        result.value = value.As<Napi::Boolean>().Value();
    } else if (type == "string") {
        result.value = text(value, what.c_str());
    } else if (type == "i32[]") {
        result.value = list<int32_t>(value, what, [&](Napi::Value v) { return integer<int32_t>(v, what); });
    } else if (type == "f32[]") {
        result.value = list<float>(value, what, [&](Napi::Value v) { return float(number(v, what)); });
    } else if (type == "string[]") {
        result.value = list<std::string>(value, what, [&](Napi::Value v) { return text(v, what.c_str()); });
    } else {
        refuse(format("%s has type \"%s\" and a value that does not fit it", what.c_str(), type.c_str()));
    }
    return result;
}

tensor_plan to_plan(Napi::Value item) {
    const Napi::Object entry = object(item, "a planned tensor");
    tensor_plan result;
    result.name = text(entry.Get("name"), "the name of a planned tensor");
    result.type = text(entry.Get("type"), "the type of a planned tensor");
    result.ne   = list<int64_t>(entry.Get("ne"), "the shape of tensor " + result.name, [&](Napi::Value v) {
        return integer<int64_t>(v, "a dimension of tensor " + result.name);
    });
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
        const auto metadata = list<metadata_entry>(info[1], "the metadata", to_metadata);
        const auto plan     = list<tensor_plan>(info[2], "the tensors", to_plan);
        const int threads   = integer<int32_t>(info[3], "threads");
        if (threads < 0) {
            refuse(format("threads is %d; it must not be negative", threads));
        }
        writer_ = std::make_shared<gguf_writer>(text(info[0], "path"), metadata, plan, threads);
    } catch (const std::exception & e) {
        call_error(info.Env(), e).ThrowAsJavaScriptException();
    }
}

Napi::Value gguf_writer_wrap::write(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    try {
        if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
            refuse("the first argument of write must be a Uint8Array");
        }
        const auto bytes         = info[0].As<Napi::Uint8Array>();
        const source_type source = source_type_from_name(text(info[1], "the source type"));
        std::vector<uint8_t> copy(bytes.Data(), bytes.Data() + bytes.ByteLength());
        return start(env, [copy = std::move(copy), source](gguf_writer & writer) {
            writer.write(copy.data(), copy.size(), source);
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
