#pragma once
// Numbers as JavaScript's typed arrays.

#include <cstring>
#include <vector>

#include <napi.h>

namespace bllossom {

/**
 * A typed array with its own copy of the values. In an environment that is being terminated no array can be made: the
 * result is then empty, and nothing is written.
 */
template <typename Array, typename T> Array write_array(Napi::Env env, const std::vector<T> & values) {
    Array array = Array::New(env, values.size());
    if (!array.IsEmpty() && !values.empty()) {
        std::memcpy(array.Data(), values.data(), values.size() * sizeof(T));
    }
    return array;
}

} // namespace bllossom
