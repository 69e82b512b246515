#pragma once
// Which rows of a graph an importance matrix is made of: those whose results matter.

#include "hparams.h"
#include "model.h"
#include "text-graph.h"

#include <cstdint>
#include <functional>
#include <vector>

#include <ggml.h>

namespace bllossom {

/** Whether a row of the inputs of a weight counts. */
using row_filter = std::function<bool(const ggml_tensor * weight, int64_t row)>;

/**
 * Of the graph that encodes an image: the rows of its real tiles. Padding tiles and filler rows are computed too, but
 * hold no picture, are the same for every image, and reach a text only through the attention of real rows to them;
 * three of four rows of a small picture would be theirs.
 */
row_filter image_rows(int32_t n_tiles, const vision_hparams & hp);

/** Of a text graph: every row; in a cross layer, those whose attention or MLP is not multiplied by zero. */
row_filter text_rows(const std::vector<batch_row> & rows, const model & m, row_mode mode);

} // namespace bllossom
