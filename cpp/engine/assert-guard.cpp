#include "assert-guard.h"

#include "error.h"

#include <cstdio>
#include <mutex>

#include <ggml.h>

namespace bllossom {

namespace {

thread_local int guards = 0;

ggml_abort_callback_t previous_callback = nullptr;

void on_ggml_abort(const char * message) {
    if (guards > 0) {
        throw error(error_code::model_format, std::string("the model does not fit its own description: ") + message);
    }
    // no guard on this thread: ggml ends the process when we return
    if (previous_callback != nullptr) {
        previous_callback(message);
    } else {
        fprintf(stderr, "%s\n", message);
    }
}

} // namespace

assert_guard::assert_guard() {
    static std::once_flag installed;
    std::call_once(installed, [] { previous_callback = ggml_set_abort_callback(on_ggml_abort); });
    guards++;
}

assert_guard::~assert_guard() {
    guards--;
}

} // namespace bllossom
