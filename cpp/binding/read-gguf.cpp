#include "read-gguf.h"

#include "gguf-file.h"
#include "promise-worker.h"
#include "quantize.h"

#include <memory>

namespace bllossom {

namespace {

constexpr uint64_t max_array_elements = 64; // of an array that JavaScript gets

bool is_wide(gguf_type type) {
    return type == GGUF_TYPE_UINT64 || type == GGUF_TYPE_INT64;
}

/** One element; integers of 64 bits become a BigInt, for a number could not hold them all. */
struct scalar_converter {
    Napi::Env env;
    bool wide;

    Napi::Value operator()(bool value) const { return Napi::Boolean::New(env, value); }
    Napi::Value operator()(double value) const { return Napi::Number::New(env, value); }
    Napi::Value operator()(int64_t value) const {
        return wide ? Napi::Value(Napi::BigInt::New(env, value)) : Napi::Number::New(env, double(value));
    }
    Napi::Value operator()(uint64_t value) const {
        return wide ? Napi::Value(Napi::BigInt::New(env, value)) : Napi::Number::New(env, double(value));
    }
    Napi::Value operator()(std::string_view value) const { return Napi::String::New(env, value.data(), value.size()); }
};

/** Defines rather than sets: a key called "__proto__" must stay a key. */
void define(Napi::Object object, const std::string & key, Napi::Value value) {
    const auto attributes = napi_property_attributes(napi_enumerable | napi_writable | napi_configurable);
    object.DefineProperty(Napi::PropertyDescriptor::Value(Napi::String::New(object.Env(), key), value, attributes));
}

Napi::Value to_js(Napi::Env env, const gguf_file & file, const gguf_entry & entry) {
    const auto elements = file.elements(entry, max_array_elements);
    const scalar_converter convert{env, is_wide(entry.type)};
    if (!entry.is_array) {
        return std::visit(convert, elements.front());
    }
    Napi::Array result = Napi::Array::New(env, elements.size());
    for (uint32_t i = 0; i < elements.size(); ++i) {
        result.Set(i, std::visit(convert, elements[i]));
    }
    return result;
}

Napi::Object to_js(Napi::Env env, const gguf_tensor & tensor) {
    Napi::Array ne = Napi::Array::New(env, size_t(tensor.n_dims));
    for (int32_t i = 0; i < tensor.n_dims; ++i) {
        ne.Set(uint32_t(i), Napi::Number::New(env, double(tensor.ne[size_t(i)])));
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("name", Napi::String::New(env, tensor.name));
    result.Set("type", Napi::String::New(env, tensor_type_name(tensor.type)));
    result.Set("ne", ne);
    result.Set("offset", Napi::Number::New(env, double(tensor.offset)));
    result.Set("bytes", Napi::Number::New(env, double(tensor.bytes)));
    return result;
}

Napi::Value to_js(Napi::Env env, const gguf_file & file) {
    Napi::Object metadata = Napi::Object::New(env);
    Napi::Object lengths  = Napi::Object::New(env);
    for (const gguf_entry & entry : file.entries()) {
        Napi::HandleScope scope(env);
        define(metadata, entry.key, to_js(env, file, entry));
        if (entry.is_array && entry.count > max_array_elements) {
            define(lengths, entry.key, Napi::Number::New(env, double(entry.count)));
        }
    }
    Napi::Array tensors = Napi::Array::New(env, file.tensors().size());
    for (uint32_t i = 0; i < file.tensors().size(); ++i) {
        Napi::HandleScope scope(env);
        tensors.Set(i, to_js(env, file.tensors()[i]));
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("version", Napi::Number::New(env, file.version()));
    result.Set("metadata", metadata);
    result.Set("arrayLengths", lengths);
    result.Set("tensors", tensors);
    result.Set("fileBytes", Napi::Number::New(env, double(file.file_bytes())));
    return result;
}

Napi::Value read_gguf(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsString()) {
        return rejected(env, error(error_code::invalid_option, "path must be a string"));
    }
    auto file = std::make_shared<std::unique_ptr<gguf_file>>();
    return promise_worker::start(
        env, [file, path = info[0].As<Napi::String>().Utf8Value()] { *file = std::make_unique<gguf_file>(path); },
        [file](Napi::Env e) { return to_js(e, **file); });
}

} // namespace

void init_read_gguf(Napi::Env env, Napi::Object exports) {
    exports.Set("readGguf", Napi::Function::New<read_gguf>(env, "readGguf"));
}

} // namespace bllossom
