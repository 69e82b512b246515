#pragma once
// What a session file says beside its numbers: whose rows these are, and which tokens and images they belong to. A row
// that several prompts begin with is stored once: each prompt names one before it, and how many of its rows it shares.

#include "cache-type.h"
#include "gguf-file.h"
#include "gguf-writer.h"
#include "prefix-cache.h"

#include <cstdint>
#include <string>
#include <vector>

namespace bllossom {

/** What rows depend on, besides tokens and images. */
struct session_owner {
    std::string model; // its fingerprint
    std::string model_name;
    cache_type type = cache_type::f16;
    row_mode mode   = row_mode::hf;
};

struct session_prompt {
    row_source source;
    int32_t parent   = -1; // a prompt before it; -1: none
    int32_t n_shared = 0;  // of its rows, those that are the parent's

    int32_t n_own() const { return int32_t(source.tokens.size()) - n_shared; }
};

struct session_index {
    std::vector<session_prompt> prompts; // the last used one first
    std::vector<std::string> images;     // the keys of those that are stored, the last used one first
    std::vector<std::string> checksums;  // of the tensors, in their order

    /** Rows of all prompts, in the order of the prompts. */
    int64_t n_rows() const;
};

struct session_limits {
    static constexpr size_t n_prompts = 1024;
    static constexpr size_t n_tokens  = 4 << 20; // of all prompts, shared ones counted for each
};

std::vector<metadata_entry> to_metadata(const session_index & index, const session_owner & owner);

/**
 * Reads and checks the keys of a session; its tensors are not looked at.
 *
 * rule: by which prompts share rows. n_tokens: ids below are known.
 * Throws error{model_unsupported} where another version, model, type or row mode wrote it, with what differs;
 * error{model_format} for everything else.
 */
session_index read_session_index(const gguf_file & file, const session_owner & owner, const sight & rule,
                                 int64_t n_tokens);

} // namespace bllossom
