#pragma once
// A tensor of a model as our schema has it (docs/gguf.md), read from wherever and in whatever form a file stores it.

#include "gguf-file.h"

#include <cstdint>

namespace bllossom {

/** What the stored numbers of a row become. */
enum class row_change {
    none,
    concatenate_features, // of the projector: element `width + d * n + k` goes to `width + k * width + d`, n
                          // intermediates
    pair_halves,          // of a head: element `b * d/2 + j` goes to `2 * j + b`
    activate,             // tanh
    one_minus,            // 1 - value
};

/** The base describes what `read_rows` gives; offset is where the stored tensor begins, for reading in the file's
 * order. */
struct source_tensor : gguf_tensor {
    const gguf_file * file     = nullptr;
    const gguf_tensor * stored = nullptr; // same shape
    row_change change          = row_change::none;
    int64_t width              = 0; // of concatenate_features: elements of one state

    bool is_as_stored() const { return type == stored->type && change == row_change::none; }
    size_t row_bytes() const { return ggml_row_size(type, ne[0]); }
    int64_t n_rows() const { return ne[1] * ne[2] * ne[3]; }
};

/** A tensor that is read as it is stored, under another name. */
source_tensor as_stored(const gguf_file & file, const gguf_tensor & stored, const std::string & name);

/** Lets a tensor be read as F32 or BF16. */
void read_as(source_tensor & tensor, ggml_type type);

/**
 * Reads rows in the tensor's type. dst: [n_rows][row_bytes]. Throws error{io}.
 *
 * F16 becomes BF16 without loss where the numbers came from a BF16 checkpoint, as those of every released Mllama did:
 * F16 has more bits of precision, and what it rounded near zero it rounded to fewer bits than BF16 has.
 */
void read_rows(const source_tensor & tensor, int64_t first, int64_t n_rows, char * dst);

} // namespace bllossom
