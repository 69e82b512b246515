#pragma once
// Q4_K as ggml's CPU backend rearranges it for AVX2 (byte-kernels.h multiplies with it): a block of eight rows after
// the other, what they have in common side by side.

#include <cstdint>

namespace bllossom {

/**
 * What ggml's rearrangement gives, to the last bit, in a fraction of the time: it was a quarter of a load.
 * rows: [n_rows][n_in / 256] blocks of Q4_K; n_rows: a multiple of 8; panels: as many bytes
 */
void arrange_q4_k_panels(const void * rows, int64_t n_in, int64_t n_rows, void * panels);

} // namespace bllossom
