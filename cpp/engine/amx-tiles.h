#pragma once
// The tiles of AMX, for the files that are compiled for it. A tile has 16 rows of 64 bytes. Instructions for tiles are
// written as assembler: the functions that GCC has for them do not tell it that memory is read (its bug 114098 is one
// case). What is defined here is each file's own, like `floats` of row-kernels.h.

#include "row-kernels.h"

#include <cstdint>

// Tiles 0 to 3: sums, of two times 16 rows and two panels; 4 and 5: rows; 6 and 7: panels.
#define TILE_LOAD(tile, from, stride)                                                                                  \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(from), "r"(int64_t(stride)) : "memory")
#define TILE_STORE(tile, to, stride)                                                                                   \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"(int64_t(stride)) : "memory")
#define TILE_ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile ::)
#define TILE_MULTIPLY(sums, rows, panel) __asm__ volatile("tdpbf16ps %%tmm" #panel ", %%tmm" #rows ", %%tmm" #sums ::)

namespace bllossom {

namespace {

/** What the tiles of a thread are set up for, put back at the end: ggml's kernels set them up once for a thread. */
class tile_state {
  public:
    INLINE tile_state() { __asm__ volatile("sttilecfg %0" : "=m"(*this)); }
    INLINE ~tile_state() { __asm__ volatile("ldtilecfg %0" ::"m"(*this)); }
    tile_state(const tile_state &)             = delete;
    tile_state & operator=(const tile_state &) = delete;

  private:
    char bytes_[64];
};

/** As the CPU reads it. */
struct tile_config {
    uint8_t palette      = 1;
    uint8_t start_row    = 0;
    uint8_t reserved[14] = {};
    uint16_t n_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64}; // of a row
    uint8_t n_rows[16]   = {};

    /** For rows0 and below them rows1 rows, 0 … 16 each, of n_inner elements, 16 or 32. */
    INLINE tile_config(int64_t rows0, int64_t rows1, int64_t n_inner = 32) {
        const int64_t n_pairs = n_inner / 2;
        const int64_t rows[8] = {rows0, rows0, rows1, rows1, rows0, rows1, n_pairs, n_pairs};
        n_bytes[4] = n_bytes[5] = uint16_t(2 * n_inner);
        for (int i = 0; i < 8; i++) {
            n_rows[i] = uint8_t(rows[i]);
            if (rows[i] == 0) {
                n_bytes[i] = 0;
            }
        }
    }

    INLINE void load() const { __asm__ volatile("ldtilecfg %0" ::"m"(*this)); }
};

} // namespace

} // namespace bllossom
