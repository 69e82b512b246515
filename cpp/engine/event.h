#pragma once
// What the engine says. Every id is settled by exactly one event; all kinds but progress and piece do that.

#include "context.h"
#include "memory-shortage.h"
#include "request.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bllossom {

struct model_info {
    std::string name;
    std::string device;
    std::string device_description;
    std::string quantization;
    int64_t n_params  = 0;
    int32_t n_threads = 0;
    int64_t n_ctx     = 0;
    int32_t n_images  = 0;
    hparams hp;
    std::string image_token;
    std::string bos_token;
    std::string eos_token;
    bool add_bos = false;
    std::vector<std::string> special_tokens;
    std::vector<int32_t> stop_tokens;
    std::string chat_template; // empty: none
    memory_use memory;
};

struct event {
    enum class kind { progress, piece, loaded, done, evaluated, encoded, session, ok, error };

    kind type   = kind::ok;
    uint32_t id = 0;

    float value = 0;  // progress; encoded: seconds that it took, 0 when the image was there already
    std::string text; // piece; error: the message
    error_code code      = error_code::internal;
    finish_reason reason = finish_reason::stop;
    std::vector<int32_t> tokens;            // done
    std::optional<token_logprobs> logprobs; // done, when asked for: of these tokens
    generate_stats stats;
    std::shared_ptr<const model_info> info;
    std::shared_ptr<const evaluation> result;
    session_counts session;
    std::shared_ptr<const memory_shortage> shortage; // error{out_of_memory}, where it is known

    /** Whether it settles its id. */
    bool is_final() const { return type != kind::progress && type != kind::piece; }
};

} // namespace bllossom
