#pragma once
// Errors of the engine as JavaScript errors with a `code`.

#include "error.h"

#include <napi.h>

namespace bllossom {

/** An Error whose `code` is the public name of `code`. */
Napi::Error to_js_error(Napi::Env env, error_code code, const std::string & message);

/** Of any caught exception: error keeps its code, std::bad_alloc is out_of_memory, the rest is internal. */
Napi::Error to_js_error(Napi::Env env, const std::exception & e);

/**
 * What a call should fail with. Where reading an argument ran JavaScript that threw (a getter, a proxy), that exception
 * is pending: it is taken, for no other one may be thrown over it.
 */
Napi::Error call_error(Napi::Env env, const std::exception & e);

/** A promise that is rejected with `call_error`. */
Napi::Promise rejected(Napi::Env env, const std::exception & e);

} // namespace bllossom
