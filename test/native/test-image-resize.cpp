// resize_bilinear against Pillow (test/fixtures/resize/goldens.txt, or the file given as argument), and split_tiles.

#include "check.h"
#include "image-resize.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

using namespace bllossom;

namespace {

// The same bytes as noise() of test/reference/resize_goldens.py.
std::vector<uint8_t> noise(size_t n, uint32_t seed) {
    std::vector<uint8_t> bytes(n);
    for (size_t i = 0; i < n; ++i) {
        uint32_t x = uint32_t(i) * 2654435761u + seed;
        x ^= x >> 15;
        x *= 2246822519u;
        x ^= x >> 13;
        bytes[i] = uint8_t(x >> 8);
    }
    return bytes;
}

uint32_t crc32(const std::vector<uint8_t> & bytes) {
    uint32_t crc = 0xffffffffu;
    for (const uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0u);
        }
    }
    return ~crc;
}

void every_golden_is_met_bit_for_bit(const char * path) {
    std::ifstream file(path);
    CHECK(file.good());
    int n_lines = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        std::istringstream fields(line);
        int32_t src_width = 0, src_height = 0, width = 0, height = 0;
        uint32_t seed = 0, expected = 0;
        fields >> src_width >> src_height >> width >> height >> seed >> std::hex >> expected;
        CHECK(!fields.fail());

        const auto src        = noise(size_t(src_width) * size_t(src_height) * 3, seed);
        const image_u8 result = resize_bilinear(src.data(), src_width, src_height, width, height);
        CHECK(result.width == width && result.height == height);
        CHECK(result.rgb.size() == size_t(width) * size_t(height) * 3);
        if (crc32(result.rgb) != expected) {
            std::fprintf(stderr, "differs from Pillow: %s\n", line.c_str());
            ++check::failures;
        }
        ++n_lines;
    }
    CHECK(n_lines >= 200);
    std::printf("%d sizes\n", n_lines);
}

void a_plain_colour_stays_that_colour() {
    for (const uint8_t value : {uint8_t(0), uint8_t(1), uint8_t(127), uint8_t(254), uint8_t(255)}) {
        const std::vector<uint8_t> src(size_t(101) * 67 * 3, value);
        const image_u8 result = resize_bilinear(src.data(), 101, 67, 13, 560);
        bool equal            = true;
        for (const uint8_t sample : result.rgb) {
            equal = equal && sample == value;
        }
        CHECK(equal);
    }
}

void tiles_are_row_major_and_padded_with_zero_at_the_right_and_the_bottom() {
    constexpr int32_t rows = 2, cols = 3, tile = 4;
    const image_u8 image{10, 7, noise(size_t(10) * 7 * 3, 5)};
    const auto tiles = split_tiles(image, rows, cols, tile);
    CHECK(tiles.size() == size_t(rows) * cols * tile * tile * 3);

    bool equal = true;
    for (int32_t y = 0; y < rows * tile; ++y) {
        for (int32_t x = 0; x < cols * tile; ++x) {
            const size_t index =
                (size_t(y / tile * cols + x / tile) * tile * tile + size_t(y % tile * tile + x % tile)) * 3;
            for (size_t c = 0; c < 3; ++c) {
                const bool inside      = x < image.width && y < image.height;
                const uint8_t expected = inside ? image.rgb[size_t(y * image.width + x) * 3 + c] : uint8_t(0);
                equal                  = equal && tiles[index + c] == expected;
            }
        }
    }
    CHECK(equal);
}

} // namespace

int main(int argc, char ** argv) {
    every_golden_is_met_bit_for_bit(argc > 1 ? argv[1] : "test/fixtures/resize/goldens.txt");
    a_plain_colour_stays_that_colour();
    tiles_are_row_major_and_padded_with_zero_at_the_right_and_the_bottom();
    return check::summary();
}
