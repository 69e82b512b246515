#pragma once
// Every failure of the engine is one of these codes plus one sentence: what failed, the value seen, the limit, what
// to do. Inside the engine errors travel as the exception `error`; the engine thread and the binding turn them into
// events and rejected promises. `lib/errors.ts` holds the same table, and a test compares the two.

#include <memory>
#include <stdexcept>
#include <string>

namespace bllossom {

struct memory_shortage;

enum class error_code {
    invalid_option,    // ERR_INVALID_OPTION     an argument of the call is wrong
    model_not_found,   // ERR_MODEL_NOT_FOUND    no such file
    model_format,      // ERR_MODEL_FORMAT       the file is damaged or inconsistent
    model_unsupported, // ERR_MODEL_UNSUPPORTED  a sound file that this engine does not run
    model_output,      // ERR_MODEL_OUTPUT       the model produced NaN or infinity
    out_of_memory,     // ERR_OUT_OF_MEMORY      the plan does not fit, or an allocation failed
    context_full,      // ERR_CONTEXT_FULL       more tokens or images than the context holds
    image_decode,      // ERR_IMAGE_DECODE       not an image, or a damaged one
    image_limit,       // ERR_IMAGE_LIMIT        an image over the limits
    connection,        // ERR_CONNECTION         a download failed
    io,                // ERR_IO                 reading or writing a file failed
    backend,           // ERR_BACKEND            a device failed
    timeout,           // ERR_TIMEOUT            the time that the caller allowed is over
    cancelled,         // ERR_CANCELLED          the caller gave up
    closed,            // ERR_CLOSED             the engine was closed or the model unloaded
    not_loaded,        // ERR_NOT_LOADED         no model is loaded
    native_missing,    // ERR_NATIVE_MISSING     the addon could not be loaded (raised by lib/ only)
    internal,          // ERR_INTERNAL           a fault of ours
};

constexpr int n_error_codes = int(error_code::internal) + 1;

/** The public name of a code, e.g. "ERR_MODEL_FORMAT". Valid for every enumerator; static storage. */
const char * error_code_name(error_code code);

class error : public std::runtime_error {
  public:
    error(error_code code, const std::string & message) : std::runtime_error(message), code_(code) {}

    /** Of out_of_memory. */
    error(const std::string & message, const memory_shortage & shortage);

    error_code code() const noexcept { return code_; }

    /** The numbers of an out_of_memory, where they are known; else null. */
    const std::shared_ptr<const memory_shortage> & shortage() const noexcept { return shortage_; }

  private:
    error_code code_;
    std::shared_ptr<const memory_shortage> shortage_;
};

#ifdef __GNUC__
#define BLLOSSOM_PRINTF __attribute__((format(printf, 1, 2)))
#else
#define BLLOSSOM_PRINTF
#endif

/** printf into a std::string. */
std::string format(const char * fmt, ...) BLLOSSOM_PRINTF;

} // namespace bllossom
