/** From anything that stands for an image to the tiles that the engine takes. */

import { createHash } from 'node:crypto';

import { toBllossomError } from '../errors.js';
import type { NativeBinding, NativeImage } from '../native/binding.js';
import { type DecodeOptions, decodeImage, type ImageSource } from './decode.js';
import { planTiles, type TileGeometry } from './tiling.js';

export interface PreparedImage extends NativeImage {
  /** Of the decoded, upright image, before it was fitted to the canvas. */
  width: number;
  height: number;
}

/**
 * Decodes, fits, pads and cuts an image. The pixels are those of transformers' Mllama processor before normalisation.
 *
 * @param tileImage the native resampler, passed in so that this file needs no binary
 * @throws as {@link decodeImage}
 */
export async function prepareImage(
  source: ImageSource,
  geometry: TileGeometry,
  tileImage: NativeBinding['tileImage'],
  options: DecodeOptions = {},
): Promise<PreparedImage> {
  const { rgb, width, height } = await decodeImage(source, options);
  const { rows, cols, resized, aspectRatioId } = planTiles({ width, height }, geometry);
  const canvas = { rows, cols, tile: geometry.tileSize };
  const tiles = await tileImage(rgb, width, height, resized, canvas).catch((cause) => {
    throw toBllossomError(cause);
  });
  const key = contentKey(tiles, aspectRatioId, geometry.tileSize);
  return { tiles, tileCount: rows * cols, aspectRatioId, key, width, height };
}

/** Equal for equal input of the vision tower: the pixels, how they are arranged, and the tile they are cut in. */
function contentKey(tiles: Uint8Array, aspectRatioId: number, tileSize: number): string {
  return createHash('sha256').update(Uint32Array.of(aspectRatioId, tileSize)).update(tiles).digest('hex');
}
