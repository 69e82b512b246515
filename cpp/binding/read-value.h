#pragma once
// Reads arguments. Everything here throws error{invalid_option} with the name of what was wrong; `guarded` turns that
// into a JavaScript exception at the edge of a call, so that no C++ exception leaves the binding.

#include "throw.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <napi.h>

namespace bllossom {

/** Runs the body of a call; what it throws becomes the pending exception. */
template <typename F> Napi::Value guarded(Napi::Env env, F && body) {
    try {
        return body();
    } catch (const std::exception & e) {
        call_error(env, e).ThrowAsJavaScriptException();
        return env.Undefined();
    }
}

[[noreturn]] inline void refuse(const std::string & message) {
    throw error(error_code::invalid_option, message);
}

inline std::string read_string(Napi::Value value, const std::string & what) {
    if (value.IsEmpty() || !value.IsString()) {
        refuse(what + " must be a string");
    }
    return value.As<Napi::String>().Utf8Value();
}

inline bool read_bool(Napi::Value value, const std::string & what) {
    if (value.IsEmpty() || !value.IsBoolean()) {
        refuse(what + " must be true or false");
    }
    return value.As<Napi::Boolean>().Value();
}

inline double read_number(Napi::Value value, const std::string & what) {
    if (value.IsEmpty() || !value.IsNumber()) {
        refuse(what + " must be a number");
    }
    const double number = value.As<Napi::Number>().DoubleValue();
    if (!std::isfinite(number)) {
        refuse(format("%s is %g, but must be finite", what.c_str(), number));
    }
    return number;
}

/** An integer from low to high. */
inline double read_integer_in(Napi::Value value, const std::string & what, double low, double high) {
    const double number = read_number(value, what);
    if (std::trunc(number) != number || number < low || number > high) {
        refuse(format("%s is %g, but must be an integer from %.0f to %.0f", what.c_str(), number, low, high));
    }
    return number;
}

/** An integer that T and a JavaScript number can both hold. */
template <typename T> T read_integer(Napi::Value value, const std::string & what) {
    constexpr double largest = 9007199254740991.0; // 2^53 - 1
    const double low         = std::max(double(std::numeric_limits<T>::min()), -largest);
    const double high        = std::min(double(std::numeric_limits<T>::max()), largest);
    return T(read_integer_in(value, what, low, high));
}

inline Napi::Object read_object(Napi::Value value, const std::string & what) {
    if (value.IsEmpty() || !value.IsObject()) {
        refuse(what + " must be an object");
    }
    return value.As<Napi::Object>();
}

/** Element by element; every element gets its own handle scope, for some lists are long. */
template <typename T, typename F> std::vector<T> read_list(Napi::Value value, const std::string & what, F && convert) {
    if (value.IsEmpty() || !value.IsArray()) {
        refuse(what + " must be an array");
    }
    const Napi::Array items = value.As<Napi::Array>();
    std::vector<T> result;
    result.reserve(items.Length());
    for (uint32_t i = 0; i < items.Length(); ++i) {
        Napi::HandleScope scope(value.Env());
        result.push_back(convert(Napi::Value(items.Get(i)), format("%s[%u]", what.c_str(), i)));
    }
    return result;
}

/** A Uint8Array or Buffer itself, not a copy: whoever reads its bytes later must keep it alive and unchanged. */
inline Napi::Uint8Array read_uint8_array(Napi::Value value, const std::string & what) {
    if (value.IsEmpty() || !value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
        refuse(what + " must be a Uint8Array");
    }
    return value.As<Napi::Uint8Array>();
}

/** Copies the bytes of a Uint8Array or Buffer. */
inline std::vector<uint8_t> read_bytes(Napi::Value value, const std::string & what) {
    const Napi::Uint8Array bytes = read_uint8_array(value, what);
    return {bytes.Data(), bytes.Data() + bytes.ByteLength()};
}

inline std::vector<int32_t> read_int32_array(Napi::Value value, const std::string & what) {
    if (value.IsEmpty() || !value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
        refuse(what + " must be an Int32Array");
    }
    const auto numbers = value.As<Napi::Int32Array>();
    return {numbers.Data(), numbers.Data() + numbers.ElementLength()};
}

inline std::vector<float> read_float32_array(Napi::Value value, const std::string & what) {
    if (value.IsEmpty() || !value.IsTypedArray() ||
        value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
        refuse(what + " must be a Float32Array");
    }
    const auto numbers = value.As<Napi::Float32Array>();
    return {numbers.Data(), numbers.Data() + numbers.ElementLength()};
}

} // namespace bllossom
