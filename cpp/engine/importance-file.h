#pragma once
// Importance matrices as files, in the GGUF form of llama.cpp: general.type "imatrix", and for every weight the sums of
// squares `<name>.in_sum2` F32 [n_per_row, 1] and the number of rows `<name>.counts` F32 [1, 1].

#include "importance.h"

#include <cstdint>
#include <string>

namespace bllossom {

/**
 * Throws error{model_not_found}, error{io}; error{model_format} when the file is damaged, is no importance matrix, or
 * holds one per expert, which no Mllama has.
 */
importance read_importance(const std::string & path);

/**
 * Weights that no row has reached are left out. The file appears when it is complete.
 * chunk_size: tokens in one chunk of text.
 *
 * Throws error{invalid_option} when there is nothing to write, error{io}.
 */
void write_importance(const std::string & path, const importance & sums, uint32_t chunk_size);

} // namespace bllossom
