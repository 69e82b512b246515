#pragma once
// Pillow's antialiased bilinear resize for 8-bit RGB, bit for bit (Pillow 13, src/libImaging/Resample.c).

#include <cstdint>
#include <vector>

namespace bllossom {

struct image_u8 {
    int32_t width  = 0;
    int32_t height = 0;
    std::vector<uint8_t> rgb; // [height][width][3]
};

/**
 * Resizes to width x height. Separable triangle filter whose support grows with the reduction; 22-bit fixed point
 * coefficients, rounded to 8 bits between the passes; a pass whose size does not change is skipped. The horizontal
 * pass comes first unless the height shrinks by more than twice the pixels that the width does (Pillow 13).
 * All sides must be at least 1. src: [src_height][src_width][3], src_width * src_height * 3 bytes.
 */
image_u8 resize_bilinear(const uint8_t * src, int32_t src_width, int32_t src_height, int32_t width, int32_t height);

/**
 * Places an image at the top left of a canvas of rows x cols tiles and cuts the canvas into tiles, row by row.
 * Returns [rows*cols][tile][tile][3]; what the image does not cover is 0.
 */
std::vector<uint8_t> split_tiles(const image_u8 & image, int32_t rows, int32_t cols, int32_t tile);

} // namespace bllossom
