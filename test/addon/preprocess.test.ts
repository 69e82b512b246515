// The whole image path against transformers' PIL image processor (test/reference/preprocess.py made the fixtures).

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { prepareImage } from '../../lib/image/prepare.js';
import { planTiles } from '../../lib/image/tiling.js';
import { loadNative } from '../../lib/native/load.js';
import { mllamaGeometry } from '../support/geometry.js';

interface Expected {
  file: string;
  /** Upright. */
  size: [number, number];
  aspect_ratio_id: number;
  aspect_ratio_mask: number[];
  rows: number;
  cols: number;
  resized: [number, number];
  /** Of the canvas, [rows * tile][cols * tile][3]. */
  sha256: string;
  /** Tensor with the canvas at the places x * width >> 16, y * height >> 16. */
  samples: string;
}

const FOLDER = new URL('../fixtures/preprocess/', import.meta.url);
const { images, tile } = JSON.parse(readFileSync(new URL('preprocess.json', FOLDER), 'utf8')) as {
  images: Expected[];
  tile: number;
};
const GEOMETRY = mllamaGeometry(tile);

/** The bytes of a tensor of preprocess.safetensors. */
const tensor = (() => {
  const file = readFileSync(new URL('preprocess.safetensors', FOLDER));
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, headerEnd)) as Record<string, { data_offsets: [number, number] }>;
  return (name: string) => {
    const [from, to] = header[name]?.data_offsets ?? [0, 0];
    return Uint8Array.from(file.subarray(headerEnd + from, headerEnd + to));
  };
})();
const places = new Int32Array(tensor('places').buffer);

/** [rows * cols][tile][tile][3] -> [rows * tile][cols * tile][3] */
function joinTiles(tiles: Uint8Array, rows: number, cols: number): Uint8Array {
  const canvas = new Uint8Array(tiles.length);
  const line = tile * 3;
  for (let y = 0; y < rows * tile; y++) {
    for (let col = 0; col < cols; col++) {
      const index = Math.floor(y / tile) * cols + col;
      const from = (index * tile + (y % tile)) * line;
      canvas.set(tiles.subarray(from, from + line), (y * cols + col) * line);
    }
  }
  return canvas;
}

describe('against transformers', () => {
  const { tileImage } = loadNative();
  let equalCanvases = 0;
  let equalSamples = 0;
  let samples = 0;

  test.each(images.map((image) => [image.file, image] as const))('%s', async (file, expected) => {
    const prepared = await prepareImage(fileURLToPath(new URL(file, FOLDER)), GEOMETRY, tileImage);
    const plan = planTiles(prepared, GEOMETRY);
    expect({
      size: [prepared.width, prepared.height],
      aspect_ratio_id: prepared.aspectRatioId,
      aspect_ratio_mask: plan.mask,
      rows: plan.rows,
      cols: plan.cols,
      resized: [plan.resized.width, plan.resized.height],
    }).toEqual(
      Object.fromEntries(Object.entries(expected).filter(([name]) => /^(size|aspect|rows|cols|resized)/.test(name))),
    );

    const canvas = joinTiles(prepared.tiles, plan.rows, plan.cols);
    if (createHash('sha256').update(canvas).digest('hex') === expected.sha256) equalCanvases++;

    const wanted = tensor(expected.samples);
    expect(wanted.length).toBe((places.length / 2) * 3);
    let worst = 0;
    for (let i = 0; i < wanted.length; i++) {
      const place = Math.floor(i / 3) * 2;
      const x = ((places[place] as number) * plan.resized.width) >> 16;
      const y = ((places[place + 1] as number) * plan.resized.height) >> 16;
      const difference = Math.abs((canvas[(y * plan.cols * tile + x) * 3 + (i % 3)] as number) - (wanted[i] as number));
      worst = Math.max(worst, difference);
      if (difference === 0) equalSamples++;
    }
    samples += wanted.length;
    expect(worst).toBeLessThanOrEqual(1);
  });

  test('every canvas is equal bit for bit', () => {
    expect(equalCanvases).toBe(images.length);
  });

  afterAll(() => {
    const share = ((100 * equalSamples) / samples).toFixed(3);
    console.log(`${equalCanvases} of ${images.length} canvases equal, ${share} % of ${samples} samples equal`);
  });
});
