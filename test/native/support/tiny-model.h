#pragma once
// A complete Mllama GGUF of a few hundred kilobytes with seeded random weights, written as docs/gguf.md says.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <ggml.h>

namespace tiny {

struct model_options {
    ggml_type type        = GGML_TYPE_F32; // of matrices and tables whose rows are whole blocks; of others Q8_0 or F32
    ggml_type vision_type = GGML_TYPE_COUNT; // of those of the tower; GGML_TYPE_COUNT: as the others
    bool tied_head        = false;
    uint32_t seed         = 1;
    // text
    int64_t n_vocab                   = 263; // another number only for an outline: there are no more words
    int64_t n_embd                    = 64;  // Q4_K needs multiples of 256
    int64_t n_ff                      = 96;
    int32_t n_ctx_train               = 2048;
    int32_t n_head                    = 4;
    int32_t n_head_kv                 = 2;
    int32_t n_layer                   = 5;
    std::vector<int32_t> cross_layers = {1, 3};
    // vision
    int64_t n_embd_vision              = 32;
    int64_t n_ff_vision                = 64;
    int32_t n_head_vision              = 2;
    int32_t n_layer_vision             = 4;
    int32_t n_global_layer             = 2;
    int32_t image_size                 = 28;
    int32_t patch_size                 = 14;
    int32_t max_tiles                  = 4;
    std::vector<int32_t> intermediates = {1, 3};
    std::set<std::string> alike_tables; // those whose numbers are the same for all tiles that an image does not have
};

/** The tables that have a row for every aspect ratio. */
const std::set<std::string> & ratio_tables();

/** The options of a model whose text matrices are Q4_K. */
model_options q4_k_options();

/** The vocabulary: 256 byte-level tokens, one merged token, special tokens, and `<|image|>` as the last id. */
std::vector<std::string> vocabulary();

/** Writes the model; exits the process when the file cannot be written. */
void write_model(const std::string & path, const model_options & options);

/** Writes its header, and a hole where the numbers would be: enough to plan with, however large the model is. */
void write_outline(const std::string & path, const model_options & options);

/** The sizes of AICA-5B, its weights a little larger than in Q4_K_M (Q5_K). */
model_options aica_options(ggml_type vision_type);

} // namespace tiny
