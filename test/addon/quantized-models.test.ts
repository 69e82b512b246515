/** Files of every type in the engine: how near their logits stay to those of the unquantized model. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { CONVERSION_TYPES, type ConversionType } from '../../lib/convert/types.js';
import type { NativeImage } from '../../lib/native/binding.js';
import { Engine } from '../../lib/native/engine.js';
import { loadNative } from '../../lib/native/load.js';
import { randomCheckpoint } from '../../scripts/random-checkpoint/checkpoint.mjs';
import { PRESETS } from '../../scripts/random-checkpoint/presets.mjs';
import { type ImatrixEntry, writeImatrix } from '../support/imatrix-file.js';
import { loadOptions } from '../support/model.js';

const text = { ...PRESETS.tiny.text, inner: 256, layers: 6, crossLayers: [1, 4] };
const source = randomCheckpoint({ ...PRESETS.tiny, text }, 3);
let folder: string;
let imatrix: string;
let exact: Float32Array;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bllossom-types-'));
  imatrix = join(folder, 'importance.gguf');
  const { details } = await convertCheckpoint({ source, output: join(folder, 'F32.gguf'), type: 'F32' });
  const even = (columns: number): ImatrixEntry => ({ sums: Array(columns).fill(1), count: 1 });
  await writeImatrix(imatrix, new Map(details.map(({ name, shape }) => [name, even(shape[0] as number)])));
  exact = await logits('F32');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Logits of a few tokens that see a picture. */
async function logits(type: ConversionType): Promise<Float32Array> {
  const path = join(folder, `${type}.gguf`);
  const engine = new Engine(loadNative());
  try {
    const { tileSize, imageToken } = await engine.load(loadOptions(path));
    const tiles = Uint8Array.from({ length: tileSize ** 2 * 3 }, (_, i) => (i * 31) % 256);
    const image: NativeImage = { tiles, tileCount: 1, aspectRatioId: 1, key: 'ramp' };
    const prompt = [{ special: imageToken }, { text: 'what is it?' }];
    return (await engine.evaluate({ prompt, images: [image], chunk: 0 })).logits;
  } finally {
    engine.close();
  }
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Random weights have no structure: their errors reach the logits whole. Each is some times what was measured. */
const NEAR: Record<ConversionType, number> = {
  ...{
    F32: 1,
    F16: 0.9999,
    BF16: 0.9999,
    Q8_0: 0.999,
    Q6_K: 0.997,
    Q5_K_M: 0.99,
    Q5_K_S: 0.99,
    Q5_1: 0.99,
    Q5_0: 0.99,
  },
  ...{ Q4_K_M: 0.97, Q4_K_S: 0.97, Q4_1: 0.97, Q4_0: 0.97, IQ4_NL: 0.97, IQ4_XS: 0.97 },
  ...{ Q3_K_L: 0.9, Q3_K_M: 0.9, Q3_K_S: 0.9, Q2_K: 0.8, Q2_K_S: 0.7 },
};

test.each(CONVERSION_TYPES.filter((type) => type !== 'F32'))('%s answers near the exact model', async (type) => {
  const output = join(folder, `${type}.gguf`);
  await convertCheckpoint({ source, output, type, imatrix: type === 'Q2_K_S' ? imatrix : undefined });
  expect(cosine(await logits(type), exact)).toBeGreaterThan(NEAR[type]);
});
