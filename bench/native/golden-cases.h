#pragma once
// Golden values of Hugging Face transformers in one GGUF file: bench/gpu/carry.mjs packs them from
// test/fixtures/goldens, so that they can be compared where there is no Node.

#include "gguf-file.h"
#include "image-input.h"

#include <string>
#include <vector>

namespace bench {

struct golden_image {
    std::string name;
    bllossom::image_input input;
    std::vector<float> features; // [n_rows][n_embd_out], in the engine's order
    std::vector<float> states;   // [n_rows][n_embd]
};

struct golden_case {
    std::string name;
    std::string row_mode;             // "hf" | "meta"
    std::vector<int32_t> tokens;      // with the image tokens
    std::vector<size_t> images;       // of golden_cases::images
    std::vector<int32_t> greedy;      // what follows the tokens
    std::vector<float> logits;        // [tokens][n_vocab]
    std::vector<float> decode_logits; // [greedy][n_vocab]: row i chooses greedy[i]
};

struct golden_cases {
    std::string name;
    std::vector<golden_image> images;
    std::vector<golden_case> cases;

    /** Throws what gguf_file throws, and error{model_format} where something is missing. */
    explicit golden_cases(const std::string & path);
};

} // namespace bench
