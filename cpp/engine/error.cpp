#include "error.h"

#include "memory-shortage.h"

#include <cstdarg>
#include <cstdio>
#include <vector>

namespace bllossom {

const char * error_code_name(error_code code) {
    switch (code) {
    case error_code::invalid_option:
        return "ERR_INVALID_OPTION";
    case error_code::model_not_found:
        return "ERR_MODEL_NOT_FOUND";
    case error_code::model_format:
        return "ERR_MODEL_FORMAT";
    case error_code::model_unsupported:
        return "ERR_MODEL_UNSUPPORTED";
    case error_code::model_output:
        return "ERR_MODEL_OUTPUT";
    case error_code::out_of_memory:
        return "ERR_OUT_OF_MEMORY";
    case error_code::context_full:
        return "ERR_CONTEXT_FULL";
    case error_code::image_decode:
        return "ERR_IMAGE_DECODE";
    case error_code::image_limit:
        return "ERR_IMAGE_LIMIT";
    case error_code::connection:
        return "ERR_CONNECTION";
    case error_code::io:
        return "ERR_IO";
    case error_code::backend:
        return "ERR_BACKEND";
    case error_code::timeout:
        return "ERR_TIMEOUT";
    case error_code::cancelled:
        return "ERR_CANCELLED";
    case error_code::closed:
        return "ERR_CLOSED";
    case error_code::not_loaded:
        return "ERR_NOT_LOADED";
    case error_code::native_missing:
        return "ERR_NATIVE_MISSING";
    case error_code::internal:
        return "ERR_INTERNAL";
    }
    return "ERR_INTERNAL";
}

error::error(const std::string & message, const memory_shortage & shortage)
    : std::runtime_error(message), code_(error_code::out_of_memory),
      shortage_(std::make_shared<memory_shortage>(shortage)) {}

std::string format(const char * fmt, ...) {
    va_list args;
    va_start(args, fmt);
    va_list measure;
    va_copy(measure, args);
    const int size = vsnprintf(nullptr, 0, fmt, measure);
    va_end(measure);
    std::vector<char> buffer(size_t(size) + 1);
    vsnprintf(buffer.data(), buffer.size(), fmt, args);
    va_end(args);
    return std::string(buffer.data(), size_t(size));
}

} // namespace bllossom
