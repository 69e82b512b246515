#include "throw.h"

#include "write-memory.h"

#include <new>

namespace bllossom {

Napi::Error to_js_error(Napi::Env env, error_code code, const std::string & message) {
    Napi::Error result = Napi::Error::New(env, message);
    result.Set("code", Napi::String::New(env, error_code_name(code)));
    return result;
}

Napi::Error to_js_error(Napi::Env env, const std::exception & e) {
    if (const auto * known = dynamic_cast<const error *>(&e)) {
        Napi::Error result = to_js_error(env, known->code(), known->what());
        if (known->shortage()) {
            write_shortage(result.Value(), *known->shortage());
        }
        return result;
    }
    if (dynamic_cast<const std::bad_alloc *>(&e) != nullptr) {
        return to_js_error(env, error_code::out_of_memory, "an allocation failed; free memory and try again");
    }
    return to_js_error(env, error_code::internal, e.what());
}

Napi::Error call_error(Napi::Env env, const std::exception & e) {
    return env.IsExceptionPending() ? env.GetAndClearPendingException() : to_js_error(env, e);
}

Napi::Promise rejected(Napi::Env env, const std::exception & e) {
    const Napi::Error reason = call_error(env, e); // first: while an exception is pending no promise can be made
    const auto deferred      = Napi::Promise::Deferred::New(env);
    deferred.Reject(reason.Value());
    return deferred.Promise();
}

} // namespace bllossom
