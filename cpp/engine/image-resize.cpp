#include "image-resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bllossom {
namespace {

constexpr int n_channels = 3;
constexpr int precision  = 22; // fractional bits of a coefficient: 32 - 8 bits of sample - 2 bits of headroom
constexpr int32_t half   = 1 << (precision - 1);

/** The source samples that make up one destination sample: `count` of them from `first`, weighted. */
struct tap_range {
    int32_t first = 0;
    int32_t count = 0;
};

/** One axis of the resize. weights: [size of the destination][stride], each row padded with zeros behind its range. */
struct axis_filter {
    std::vector<tap_range> ranges;
    std::vector<int32_t> weights;
    int32_t stride = 0;

    const int32_t * row(int32_t i) const { return weights.data() + size_t(i) * size_t(stride); }
};

axis_filter make_filter(int32_t src_size, int32_t dst_size) {
    const double scale   = double(src_size) / double(dst_size);
    const double support = std::max(scale, 1.0); // the triangle is 1 wide on each side, stretched when reducing

    axis_filter filter;
    filter.stride = int32_t(std::ceil(support)) * 2 + 1;
    filter.ranges.resize(size_t(dst_size));
    filter.weights.assign(size_t(dst_size) * size_t(filter.stride), 0);

    const double inverse = 1.0 / support;
    std::vector<double> exact(static_cast<size_t>(filter.stride));
    for (int32_t i = 0; i < dst_size; ++i) {
        const double centre = (i + 0.5) * scale;
        const int32_t first = std::max(int32_t(centre - support + 0.5), 0);
        const int32_t last  = std::min(int32_t(centre + support + 0.5), src_size);
        const int32_t count = last - first;

        double sum = 0.0;
        for (int32_t k = 0; k < count; ++k) {
            const double distance = std::fabs((k + first - centre + 0.5) * inverse);
            exact[size_t(k)]      = distance < 1.0 ? 1.0 - distance : 0.0;
            sum += exact[size_t(k)];
        }
        int32_t * weights = filter.weights.data() + size_t(i) * size_t(filter.stride);
        for (int32_t k = 0; k < count; ++k) {
            const double weight = sum != 0.0 ? exact[size_t(k)] / sum : exact[size_t(k)];
            weights[k]          = int32_t(weight * (1 << precision) + 0.5); // never negative: the triangle is not
        }
        filter.ranges[size_t(i)] = {first, count};
    }
    return filter;
}

uint8_t to_u8(int32_t sum) {
    return uint8_t(std::clamp(sum >> precision, 0, 255));
}

/** [height][src_width][3] -> [height][width][3] */
void resize_rows(const uint8_t * src, int32_t src_width, int32_t height, int32_t width, uint8_t * dst) {
    const axis_filter filter = make_filter(src_width, width);
    for (int32_t y = 0; y < height; ++y) {
        const uint8_t * line = src + size_t(y) * size_t(src_width) * n_channels;
        for (int32_t x = 0; x < width; ++x) {
            const tap_range range   = filter.ranges[size_t(x)];
            const int32_t * weights = filter.row(x);
            const uint8_t * pixel   = line + size_t(range.first) * n_channels;

            int32_t r = half, g = half, b = half;
            for (int32_t k = 0; k < range.count; ++k, pixel += n_channels) {
                r += pixel[0] * weights[k];
                g += pixel[1] * weights[k];
                b += pixel[2] * weights[k];
            }
            *dst++ = to_u8(r);
            *dst++ = to_u8(g);
            *dst++ = to_u8(b);
        }
    }
}

/** [src_height][width][3] -> [height][width][3]. Whole lines are accumulated, so the inner loop runs over contiguous
 * bytes. */
void resize_columns(const uint8_t * src, int32_t src_height, int32_t width, int32_t height, uint8_t * dst) {
    const axis_filter filter = make_filter(src_height, height);
    const size_t n_bytes     = size_t(width) * n_channels;
    std::vector<int32_t> sums(n_bytes);
    for (int32_t y = 0; y < height; ++y) {
        const tap_range range   = filter.ranges[size_t(y)];
        const int32_t * weights = filter.row(y);

        std::fill(sums.begin(), sums.end(), half);
        for (int32_t k = 0; k < range.count; ++k) {
            const uint8_t * line = src + size_t(range.first + k) * n_bytes;
            const int32_t weight = weights[k];
            for (size_t i = 0; i < n_bytes; ++i) {
                sums[i] += line[i] * weight;
            }
        }
        uint8_t * out = dst + size_t(y) * n_bytes;
        for (size_t i = 0; i < n_bytes; ++i) {
            out[i] = to_u8(sums[i]);
        }
    }
}

/**
 * Each pass rounds to 8 bits, so their order shows in the last bit. Since version 13 Pillow begins with the vertical
 * pass when that removes many more lines than the horizontal one removes columns; before, it never did.
 */
bool vertical_first(int32_t src_width, int32_t src_height, int32_t width, int32_t height) {
    return height < src_height && src_height - height > 2 * (int64_t(src_width) - width);
}

} // namespace

image_u8 resize_bilinear(const uint8_t * src, int32_t src_width, int32_t src_height, int32_t width, int32_t height) {
    image_u8 result{width, height, {}};
    result.rgb.resize(size_t(width) * size_t(height) * n_channels);
    uint8_t * dst = result.rgb.data();

    if (src_width == width && src_height == height) {
        std::memcpy(dst, src, result.rgb.size());
    } else if (src_width == width) {
        resize_columns(src, src_height, width, height, dst);
    } else if (src_height == height) {
        resize_rows(src, src_width, height, width, dst);
    } else if (vertical_first(src_width, src_height, width, height)) {
        std::vector<uint8_t> lowered(size_t(src_width) * size_t(height) * n_channels);
        resize_columns(src, src_height, src_width, height, lowered.data());
        resize_rows(lowered.data(), src_width, height, width, dst);
    } else {
        std::vector<uint8_t> narrowed(size_t(width) * size_t(src_height) * n_channels);
        resize_rows(src, src_width, src_height, width, narrowed.data());
        resize_columns(narrowed.data(), src_height, width, height, dst);
    }
    return result;
}

std::vector<uint8_t> split_tiles(const image_u8 & image, int32_t rows, int32_t cols, int32_t tile) {
    const size_t tile_line = size_t(tile) * n_channels;
    const size_t tile_size = tile_line * size_t(tile);
    std::vector<uint8_t> tiles(size_t(rows) * size_t(cols) * tile_size, 0);

    for (int32_t y = 0; y < image.height; ++y) {
        const uint8_t * line = image.rgb.data() + size_t(y) * size_t(image.width) * n_channels;
        const int32_t row    = y / tile;
        for (int32_t col = 0; col * tile < image.width; ++col) {
            const int32_t n_pixels = std::min(tile, image.width - col * tile);
            uint8_t * target       = tiles.data() + size_t(row * cols + col) * tile_size + size_t(y % tile) * tile_line;
            std::memcpy(target, line + size_t(col) * tile_line, size_t(n_pixels) * n_channels);
        }
    }
    return tiles;
}

} // namespace bllossom
