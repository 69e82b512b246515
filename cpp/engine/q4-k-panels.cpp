#include "q4-k-panels.h"

#include <cstring>

namespace bllossom {

namespace {

constexpr int n_panel = 8; // rows

/** Of a row, as ggml defines it (ggml-common.h). */
struct q4_k_block {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint64_t qs[16];
};

/** Of eight rows (ggml-cpu/repack.h, block_q4_Kx8). */
struct q4_k_panel {
    uint16_t d[n_panel], dmin[n_panel];
    uint32_t scales[8][3]; // of each group of 32 inputs
    uint64_t qs[16][n_panel];
};

static_assert(sizeof(q4_k_block) == 144 && sizeof(q4_k_panel) == 1152, "packed like ggml");

/** A scale and a minimum of six bits for each of eight groups, a byte each; the first group in the lowest byte. */
struct group_factors {
    uint64_t scales, minima;

    explicit group_factors(const uint8_t * packed) {
        uint32_t a, b, c;
        std::memcpy(&a, packed, 4);
        std::memcpy(&b, packed + 4, 4);
        std::memcpy(&c, packed + 8, 4);
        const auto with_last = [](uint32_t first, uint32_t low_bits) {
            const uint32_t last = (low_bits & 0x0f0f0f0f) | (first >> 2 & 0x30303030);
            return uint64_t(last) << 32 | (first & 0x3f3f3f3f);
        };
        scales = with_last(a, c);
        minima = with_last(b, c >> 4);
    }
};

/** 8 x 8 bytes: byte i of word j becomes byte j of word i. In each round blocks beside the diagonal change places. */
void transpose(uint64_t (&words)[8]) {
    constexpr uint64_t masks[] = {0x00ff00ff00ff00ff, 0x0000ffff0000ffff, 0x00000000ffffffff};
    for (int round = 0; round < 3; round++) {
        const int n = 1 << round;
        for (int i = 0; i < 8; i++) {
            if ((i & n) == 0) {
                const uint64_t change = (words[i] >> (8 * n) ^ words[i + n]) & masks[round];
                words[i + n] ^= change;
                words[i] ^= change << (8 * n);
            }
        }
    }
}

void arrange(const q4_k_block * const (&rows)[n_panel], q4_k_panel & to) {
    uint64_t scales[n_panel], minima[n_panel]; // of a row, then of a group
    for (int row = 0; row < n_panel; row++) {
        const q4_k_block & from = *rows[row];
        const group_factors factors(from.scales);
        to.d[row]    = from.d;
        to.dmin[row] = from.dmin;
        scales[row]  = factors.scales;
        minima[row]  = factors.minima;
        for (int i = 0; i < 16; i++) {
            to.qs[i][row] = from.qs[i];
        }
    }
    transpose(scales);
    transpose(minima);
    // The last four rows have no bytes of their own: two bits lie above the first four, the others together.
    constexpr uint32_t upper = 0x30303030, lower = 0x0f0f0f0f;
    for (int group = 0; group < 8; group++) {
        const auto last_scales = uint32_t(scales[group] >> 32), last_minima = uint32_t(minima[group] >> 32);
        to.scales[group][0] = uint32_t(scales[group]) | (last_scales & upper) << 2;
        to.scales[group][1] = uint32_t(minima[group]) | (last_minima & upper) << 2;
        to.scales[group][2] = (last_scales & lower) | (last_minima & lower) << 4;
    }
}

} // namespace

void arrange_q4_k_panels(const void * rows, int64_t n_in, int64_t n_rows, void * panels) {
    const int64_t n_blocks  = n_in / 256;
    const q4_k_block * from = static_cast<const q4_k_block *>(rows);
    q4_k_panel * to         = static_cast<q4_k_panel *>(panels);
    for (int64_t row = 0; row < n_rows; row += n_panel, from += n_panel * n_blocks) {
        for (int64_t block = 0; block < n_blocks; block++) {
            const q4_k_block * of_rows[n_panel];
            for (int i = 0; i < n_panel; i++) {
                of_rows[i] = from + i * n_blocks + block;
            }
            arrange(of_rows, *to++);
        }
    }
}

} // namespace bllossom
