#pragma once
// Which image rows a text row may attend to. Pure; knows no ggml.
//
// Reference: transformers, models/mllama/processing_mllama.py (get_cross_attention_token_mask) and
// modeling_mllama.py (_prepare_cross_attention_mask).

#include <cstdint>
#include <limits>
#include <vector>

namespace bllossom {

/** Rows that see no image: `hf` lets them attend to every row of every image, `meta` gives them no attention at all. */
enum class row_mode { hf, meta };

/** An image of a sequence: text positions [begin, end) attend to it. */
struct image_range {
    int32_t begin = 0;
    int32_t end   = 0;
};

constexpr int32_t range_open_end = std::numeric_limits<int32_t>::max();

/**
 * The range of each image, in order. An image is seen from its own token up to the next image token; images whose
 * tokens stand side by side share one end; the last range is open, so that generated tokens continue it.
 */
std::vector<image_range> image_ranges(const std::vector<int32_t> & tokens, int32_t image_token_id);

/** Where an image's keys and values lie in the cross cache. */
struct cross_image {
    image_range range;
    int64_t first_cell = 0; // of the image's block
    int64_t n_real     = 0; // cells of real tiles
    int64_t n_cells    = 0; // cells of all tiles, padding tiles included
};

/** What a text row does in the cross layers. */
struct cross_row {
    bool attends; // the attention output counts
    bool mlp;     // the MLP output counts
};

/** Which parts of a cross layer apply to the row at `pos` of a sequence with these images (possibly none). */
cross_row resolve_cross_row(int32_t pos, const std::vector<cross_image> & images, row_mode mode);

/**
 * Fills one row of the cross mask, F16 bits [n_cells] over the cells [first_cell, first_cell + n_cells): 0 where the
 * row attends, -infinity elsewhere. A row whose attention does not count sees the first cell, so that it stays finite.
 */
void fill_cross_mask_row(uint16_t * mask, int64_t first_cell, int64_t n_cells, int32_t pos,
                         const std::vector<cross_image> & images, row_mode mode);

} // namespace bllossom
