import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { planTiles, type TileGeometry } from '../../lib/image/tiling.js';
import { mllamaGeometry } from '../support/geometry.js';

const MLLAMA = mllamaGeometry(560);

// width, height, rows, cols, resized width and height, id, tiles of the image
const WORKED = [
  [560, 560, 1, 1, 560, 560, 1, 1],
  [400, 300, 1, 1, 560, 420, 1, 1],
  [50, 100, 1, 1, 280, 560, 1, 1],
  [50, 45, 1, 1, 560, 503, 1, 1],
  [640, 480, 1, 2, 640, 480, 2, 2],
  [560, 561, 2, 1, 560, 561, 5, 2],
  [560, 1120, 2, 1, 560, 1120, 5, 2],
  [1600, 200, 1, 3, 1600, 200, 3, 3],
  [200, 1600, 3, 1, 200, 1600, 7, 3],
  [2300, 600, 1, 4, 2146, 560, 4, 4],
  [1681, 560, 1, 4, 1681, 560, 4, 4],
  [500, 3000, 4, 1, 373, 2240, 8, 4],
  [1280, 748, 2, 2, 1120, 654, 6, 4],
  [1280, 720, 2, 2, 1120, 630, 6, 4],
  [1920, 1080, 2, 2, 1120, 630, 6, 4],
  [1024, 1024, 2, 2, 1024, 1024, 6, 4],
  [1200, 800, 2, 2, 1120, 746, 6, 4],
  [1120, 1121, 2, 2, 1119, 1120, 6, 4],
  [2480, 3508, 2, 2, 791, 1120, 6, 4],
  [5000, 1, 1, 4, 2240, 1, 4, 4],
] as const;

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')) as T;
}

describe('planTiles', () => {
  test.each(WORKED)(
    'places %i x %i as worked out by hand',
    (width, height, rows, cols, newWidth, newHeight, id, tiles) => {
      expect(planTiles({ width, height }, MLLAMA)).toEqual({
        rows,
        cols,
        resized: { width: newWidth, height: newHeight },
        aspectRatioId: id,
        mask: [0, 1, 2, 3].map((tile) => Number(tile < tiles)),
      });
    },
  );

  test('equals transformers on thousands of random sizes and where the order of rounding shows', () => {
    const { random, rounding } = fixture<Record<'random' | 'rounding', number[][]>>('preprocess/sizes.json');
    expect(random.length).toBeGreaterThanOrEqual(5000);
    expect(rounding.length).toBeGreaterThanOrEqual(200);
    for (const [width, height, ...expected] of [...random, ...rounding] as [number, number, ...number[]][]) {
      const { rows, cols, resized, aspectRatioId } = planTiles({ width, height }, MLLAMA);
      expect([rows, cols, resized.width, resized.height, aspectRatioId], `${width} x ${height}`).toEqual(expected);
    }
  });

  test('equals transformers for other tile sizes and lists of ratios', () => {
    const { geometries } = fixture<{ geometries: (TileGeometry & { sizes: number[] })[] }>('tiling/sizes.json');
    let compared = 0;
    for (const geometry of geometries) {
      for (let i = 0; i < geometry.sizes.length; i += 6, compared++) {
        const [width, height, ...expected] = geometry.sizes.slice(i, i + 6) as [number, number, ...number[]];
        const { rows, cols, resized, aspectRatioId } = planTiles({ width, height }, geometry);
        expect([rows, cols, resized.width, resized.height], `${width} x ${height}`).toEqual(expected);
        expect(geometry.aspectRatios[aspectRatioId - 1]).toEqual([rows, cols]);
      }
    }
    expect(compared).toBe(2000);
  });

  test('never leaves the canvas, nor an empty side', () => {
    for (const width of [1, 2, 559, 560, 561, 1119, 1121, 2239, 2241, 65_535]) {
      for (const height of [1, 2, 559, 560, 561, 1119, 1121, 2239, 2241, 65_535]) {
        const { rows, cols, resized } = planTiles({ width, height }, MLLAMA);
        expect(resized.width).toBeGreaterThanOrEqual(1);
        expect(resized.height).toBeGreaterThanOrEqual(1);
        expect(resized.width).toBeLessThanOrEqual(cols * 560);
        expect(resized.height).toBeLessThanOrEqual(rows * 560);
      }
    }
  });

  test('takes the ratios in the order of the model file', () => {
    const reversed = { ...MLLAMA, aspectRatios: [...MLLAMA.aspectRatios].reverse() };
    expect(planTiles({ width: 640, height: 480 }, reversed)).toMatchObject({ rows: 1, cols: 2, aspectRatioId: 7 });
  });
});
