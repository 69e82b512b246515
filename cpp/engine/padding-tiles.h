#pragma once
// The tiles that an image does not have: do they begin alike, so that one can be computed for all?

#include "hparams.h"
#include "weights.h"

#include <vector>

namespace bllossom {

/**
 * For every aspect ratio (index: its id - 1) whether the tables of the tower hold the same numbers for all tiles that
 * an image of it does not have. So it is in every released model (zeros), but a fine-tuning may have changed that.
 * Where a block of a quantized table holds numbers of two tiles, they count as different.
 */
std::vector<bool> find_alike_padding(const vision_hparams & hp, const vision_weights & w);

} // namespace bllossom
