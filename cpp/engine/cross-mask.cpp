#include "cross-mask.h"

#include "attention-mask.h"

#include <algorithm>

namespace bllossom {

std::vector<image_range> image_ranges(const std::vector<int32_t> & tokens, int32_t image_token_id) {
    std::vector<image_range> ranges;
    for (size_t i = 0; i < tokens.size(); i++) {
        if (tokens[i] != image_token_id) {
            continue;
        }
        if (!ranges.empty()) {
            ranges.back().end = int32_t(i);
        }
        ranges.push_back({int32_t(i), range_open_end});
    }
    // An image directly followed by another takes over the end of its successor, from the last one backwards.
    for (size_t i = ranges.size(); i-- > 1;) {
        image_range & previous = ranges[i - 1];
        if (previous.end == previous.begin + 1) {
            previous.end = ranges[i].end;
        }
    }
    return ranges;
}

static bool sees(int32_t pos, const cross_image & image) {
    return pos >= image.range.begin && pos < image.range.end;
}

static bool sees_any(int32_t pos, const std::vector<cross_image> & images) {
    return std::any_of(images.begin(), images.end(), [&](const cross_image & image) { return sees(pos, image); });
}

cross_row resolve_cross_row(int32_t pos, const std::vector<cross_image> & images, row_mode mode) {
    if (images.empty()) {
        return {false, false};
    }
    const bool sees_image = sees_any(pos, images);
    return {sees_image || mode == row_mode::hf, sees_image};
}

void fill_cross_mask_row(uint16_t * mask, int64_t first_cell, int64_t n_cells, int32_t pos,
                         const std::vector<cross_image> & images, row_mode mode) {
    std::fill(mask, mask + n_cells, mask_hide);
    if (!resolve_cross_row(pos, images, mode).attends) {
        mask[0] = mask_attend;
        return;
    }
    const bool sees_image = sees_any(pos, images);
    for (const cross_image & image : images) {
        // A row that sees no image attends to all of them, padding tiles included.
        const int64_t n = !sees_image ? image.n_cells : sees(pos, image) ? image.n_real : 0;
        uint16_t * p    = mask + (image.first_cell - first_cell);
        std::fill(p, p + n, mask_attend);
    }
}

} // namespace bllossom
