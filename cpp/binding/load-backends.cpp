#include "load-backends.h"

#include "backend-libraries.h"
#include "read-value.h"

namespace bllossom {

Napi::Value load_backends_of(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const std::vector<std::string> names = load_backends(read_string(info[0], "the folder of backends"));
        Napi::Array list                     = Napi::Array::New(env, names.size());
        for (uint32_t i = 0; i < names.size(); i++) {
            list.Set(i, names[i]);
        }
        return list;
    });
}

} // namespace bllossom
