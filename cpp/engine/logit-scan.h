#pragma once
// Which of 128,000 logits are the largest? Passes over all of them that compilers turn into vector code: a step of a
// small model, or of a large one on a GPU, takes a few milliseconds, and sorting a vocabulary would take as long.

#include <cstdint>
#include <vector>

#include <llama.h>

namespace bllossom {

/** The first place that holds NaN or an infinity; -1 when there is none. */
int64_t find_not_finite(const float * logits, int64_t n);

/** The place of the largest, the first of equals. n: at least 1; no NaN. */
int64_t find_largest(const float * logits, int64_t n);

/** The k largest, best first, of equals the first ones; without those at -infinity. k: at least 1; no NaN. */
void find_largest(const float * logits, int64_t n, int64_t k, std::vector<llama_token_data> & largest);

} // namespace bllossom
