/** The tiles of released Mllama models: at most four, in eight aspect ratios. */

import type { TileGeometry } from '../../lib/image/tiling.js';

export const mllamaGeometry = (tileSize: number): TileGeometry => ({
  tileSize,
  maxTiles: 4,
  aspectRatios: [
    [1, 1],
    [1, 2],
    [1, 3],
    [1, 4],
    [2, 1],
    [2, 2],
    [3, 1],
    [4, 1],
  ],
});
