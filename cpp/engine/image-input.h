#pragma once
// From 8-bit tiles to what the vision graph takes. Knows no ggml.

#include "hparams.h"

#include <cstdint>
#include <string>
#include <vector>

namespace bllossom {

/** One image, cut into tiles (lib/image prepares it). */
struct image_input {
    std::vector<uint8_t> tiles;  // RGB, [n_tiles][image_size][image_size][3]
    int32_t n_tiles         = 0; // rows * cols of its aspect ratio
    int32_t aspect_ratio_id = 0; // 1-based
    std::string key;             // content key: equal keys mean equal tiles and aspect ratio
};

/** Throws error{invalid_option} unless the image fits the model: aspect ratio known, tile count and bytes agree. */
void check_image(const image_input & image, const vision_hparams & hp);

/**
 * Rescales, normalises and unfolds the tiles into patches: F32
 * [n_tiles][n_patches][n_channels][patch_size][patch_size], patches row by row.
 */
std::vector<float> unfold_patches(const image_input & image, const vision_hparams & hp);

} // namespace bllossom
