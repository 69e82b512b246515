#pragma once
// Which rows the vision tower computes for an image, and what each stands for. Knows no ggml.

#include "hparams.h"

#include <cstdint>

namespace bllossom {

/**
 * The rows of a tower, in their order:
 *
 *   [tiles of the image | padding tiles | filler rows, those of padding tiles first]
 *
 * Equal rows stay equal, so padding tiles that begin alike (padding-tiles.h) are computed once: as a key, a row of that
 * tile then counts as often as there are padding tiles.
 */
struct vision_rows {
    int64_t n_pos;     // rows of a tile
    int64_t n_filler;  // filler rows of a tile
    int32_t n_real;    // tiles of the image
    int32_t n_padding; // padding tiles that are computed
    int32_t n_alike;   // padding tiles that each of them stands for

    vision_rows(const vision_hparams & hp, int32_t n_tiles, bool is_padding_alike)
        : n_pos(hp.n_pos()), n_filler(hp.n_filler()), n_real(n_tiles) {
        const int32_t n_without = hp.max_tiles - n_tiles;
        const bool is_merged    = is_padding_alike && n_without > 1;
        n_padding               = is_merged ? 1 : n_without;
        n_alike                 = is_merged ? n_without : 1;
    }

    int64_t n_tiles() const { return n_real + n_padding; }
    int64_t n_tile_rows() const { return n_tiles() * n_pos; } // without filler rows
    int64_t n_rows() const { return n_tiles() * (n_pos + n_filler); }

    // The first of them are the image's, the others padding: rows of padding tiles and filler rows.
    int64_t n_real_rows() const { return n_real * n_pos; }
    int64_t n_padding_rows() const { return n_rows() - n_real_rows(); }

    /** Rows of the padding tiles, filler rows included: they follow the real ones. */
    int64_t n_padding_tile_rows() const { return n_padding * (n_pos + n_filler); }
};

} // namespace bllossom
