import { createHash } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { prepareImage } from '../../lib/image/prepare.js';
import type { NativeBinding } from '../../lib/native/binding.js';
import { loadNative } from '../../lib/native/load.js';
import { mllamaGeometry } from '../support/geometry.js';

const { tileImage } = loadNative();
const MLLAMA = mllamaGeometry(560);

/** Every pixel is different: red counts columns, green counts rows. */
function ramp(width: number, height: number): Uint8Array {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i += 3) rgb.set([x, y, 77], i);
  return rgb;
}

describe('tileImage', () => {
  test('cuts an unresized image into row-major tiles and pads with zero', async () => {
    const tiles = await tileImage(ramp(6, 5), 6, 5, { width: 6, height: 5 }, { rows: 2, cols: 2, tile: 4 });
    expect(tiles.length).toBe(4 * 4 * 4 * 3);
    const pixel = (tile: number, x: number, y: number) => [
      ...tiles.subarray(((tile * 4 + y) * 4 + x) * 3).subarray(0, 3),
    ];
    expect(pixel(0, 3, 2)).toEqual([3, 2, 77]);
    expect(pixel(1, 1, 3)).toEqual([5, 3, 77]);
    expect(pixel(1, 2, 3)).toEqual([0, 0, 0]);
    expect(pixel(2, 0, 0)).toEqual([0, 4, 77]);
    expect(pixel(2, 0, 1)).toEqual([0, 0, 0]);
    expect(pixel(3, 1, 0)).toEqual([5, 4, 77]);
  });

  test('resizes with the antialiased triangle filter', async () => {
    const rgb = Uint8Array.of(0, 0, 0, 255, 100, 3);
    const tiles = await tileImage(rgb, 2, 1, { width: 1, height: 1 }, { rows: 1, cols: 1, tile: 1 });
    expect([...tiles]).toEqual([128, 50, 2]);
  });

  test('accepts a view into a larger buffer', async () => {
    const bytes = new Uint8Array(64).fill(200);
    const tiles = await tileImage(bytes.subarray(5, 8), 1, 1, { width: 1, height: 1 }, { rows: 1, cols: 1, tile: 1 });
    expect([...tiles]).toEqual([200, 200, 200]);
  });

  const rgb = new Uint8Array(2 * 3 * 3);
  const good = [rgb, 2, 3, { width: 2, height: 3 }, { rows: 1, cols: 1, tile: 4 }];
  const detached = new Uint8Array(18);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const misuse: [string, number, unknown][] = [
    ...[
      undefined,
      null,
      'abc',
      [1, 2],
      new Uint16Array(18),
      new Uint8ClampedArray(18),
      new ArrayBuffer(18),
      new DataView(new ArrayBuffer(18)),
      new Uint8Array(17),
      new Uint8Array(19),
      detached,
    ].map((value): [string, number, unknown] => ['rgb', 0, value]),
    ...[0, -1, 1.5, NaN, Infinity, 65_536, 2 ** 31, '2', undefined, null, 2n, {}].flatMap(
      (value): [string, number, unknown][] => [
        ['width', 1, value],
        ['height', 2, value],
        ['resized.width', 3, { width: value, height: 3 }],
        ['resized.height', 3, { width: 2, height: value }],
        ['canvas.rows', 4, { rows: value, cols: 1, tile: 4 }],
        ['canvas.cols', 4, { rows: 1, cols: value, tile: 4 }],
        ['canvas.tile', 4, { rows: 1, cols: 1, tile: value }],
      ],
    ),
    ['resized', 3, undefined],
    ['resized', 3, 7],
    ['canvas', 4, null],
    ['an image wider than the canvas', 3, { width: 5, height: 3 }],
    ['an image taller than the canvas', 3, { width: 2, height: 5 }],
    ['65 tiles', 4, { rows: 13, cols: 5, tile: 4 }],
    ['a tile of 4,097', 4, { rows: 1, cols: 1, tile: 4097 }],
    ['a canvas of gigabytes', 4, { rows: 8, cols: 8, tile: 4096 }],
  ];
  test.each(misuse)('rejects misuse of %s (argument %i: %o)', async (_, index, value) => {
    const args = good.map((argument, i) => (i === index ? value : argument)) as Parameters<NativeBinding['tileImage']>;
    let call: Promise<Uint8Array> | undefined;
    expect(() => {
      call = tileImage(...args);
    }).not.toThrow();
    await expect(call).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/^tileImage: /),
    });
  });

  test('rejects with what a getter throws, and survives one that detaches the pixels', async () => {
    const throwing = {
      height: 3,
      get width(): number {
        throw new Error('from a getter');
      },
    };
    await expect(tileImage(rgb, 2, 3, throwing, { rows: 1, cols: 1, tile: 4 })).rejects.toThrow('from a getter');
    const victim = new Uint8Array(18);
    const detaching = {
      height: 3,
      get width(): number {
        structuredClone(victim.buffer, { transfer: [victim.buffer] });
        return 2;
      },
    };
    await expect(tileImage(victim, 2, 3, detaching, { rows: 1, cols: 1, tile: 4 })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
  });

  test('rejects a call without arguments', async () => {
    await expect((tileImage as unknown as () => Promise<unknown>)()).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
  });

  test('runs many calls at once', async () => {
    const calls = Array.from({ length: 64 }, (_, i) =>
      tileImage(new Uint8Array(30 * 20 * 3).fill(i), 30, 20, { width: 8, height: 5 }, { rows: 1, cols: 1, tile: 8 }),
    );
    for (const [i, tiles] of (await Promise.all(calls)).entries()) expect(tiles[0]).toBe(i);
  });
});

describe('prepareImage', () => {
  const png = (width: number, height: number, background = '#123456') =>
    sharp({ create: { width, height, channels: 3, background } })
      .png()
      .toBuffer();

  test('gives the tiles, the id and a key of the content', async () => {
    const prepared = await prepareImage(await png(640, 480), MLLAMA, tileImage);
    expect(prepared).toMatchObject({ tileCount: 2, aspectRatioId: 2, width: 640, height: 480 });
    expect([...prepared.tiles.subarray(0, 3)]).toEqual([0x12, 0x34, 0x56]);
    const head = Buffer.from(Uint32Array.of(2, 560).buffer);
    expect(prepared.key).toBe(createHash('sha256').update(head).update(prepared.tiles).digest('hex'));
  });

  test('gives equal keys to equal pictures only', async () => {
    const key = async (bytes: Buffer, geometry = MLLAMA) => (await prepareImage(bytes, geometry, tileImage)).key;
    const bytes = await png(640, 480);
    expect(await key(await sharp(bytes).webp({ lossless: true }).toBuffer())).toBe(await key(bytes));
    expect(await key(await png(640, 480, '#123457'))).not.toBe(await key(bytes));
    expect(await key(await png(480, 640))).not.toBe(await key(bytes));
    expect(await key(bytes, { ...MLLAMA, tileSize: 561 })).not.toBe(await key(bytes));
  });

  const edges = [1, 2, 559, 560, 561, 1119, 1120, 1121, 1679, 1680, 1681, 2239, 2240, 2241];
  const table = [
    ...edges.map((side) => [side, 1]),
    ...edges.map((side) => [1, side]),
    ...edges.map((side) => [side, 560]),
    ...edges.map((side) => [560, side]),
    ...[1119, 1120, 1121].map((side) => [side, side]),
    [65_535, 1],
    [1, 65_535],
    [1, 3000],
  ] as [number, number][];
  test.each(table)('prepares %i x %i', async (width, height) => {
    const { tiles, tileCount, aspectRatioId } = await prepareImage(await png(width, height), MLLAMA, tileImage);
    const [rows, cols] = MLLAMA.aspectRatios[aspectRatioId - 1] as [number, number];
    expect(tileCount).toBe(rows * cols);
    expect(tiles.length).toBe(tileCount * 560 * 560 * 3);
    expect([...tiles.subarray(0, 3)]).toEqual([0x12, 0x34, 0x56]);
  });

  test('types what the native side reports', async () => {
    const failing = () => Promise.reject(Object.assign(new Error('no memory'), { code: 'ERR_OUT_OF_MEMORY' }));
    await expect(prepareImage(await png(9, 9), MLLAMA, failing)).rejects.toMatchObject({ name: 'OutOfMemoryError' });
  });

  test('leaves the event loop free with an image of 64 megapixels and alpha', async () => {
    const bytes = await sharp({ create: { width: 8000, height: 8000, channels: 4, background: '#12345680' } })
      .png({ compressionLevel: 1 })
      .toBuffer();
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const { tileCount } = await prepareImage(bytes, MLLAMA, tileImage);
    delay.disable();
    console.log(
      `64 MP RGBA: event loop p99 ${(delay.percentile(99) / 1e6).toFixed(0)} ms, longest ${(delay.max / 1e6).toFixed(0)} ms`,
    );
    expect(tileCount).toBe(4);
    // One copy of the pixels, or converting them in one go, would already take longer than this.
    expect(delay.max / 1e6).toBeLessThan(200);
  });
});
