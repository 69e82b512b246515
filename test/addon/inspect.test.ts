import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { inspectGguf } from '../../lib/inspect.js';
import type { NativeMetadataEntry } from '../../lib/native/binding.js';
import { Engine } from '../../lib/native/engine.js';
import { loadNative } from '../../lib/native/load.js';
import { ENDLESS } from '../support/cli.js';
import { loadOptions } from '../support/model.js';
import { TINY, tinyTensors, writeTinyCheckpoint } from '../support/tiny-checkpoint.js';

/** All settings at their defaults. */
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bllossom-inspect-'));
  path = join(folder, 'model.gguf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(metadata: NativeMetadataEntry[]): Promise<void> {
  const writer = new (loadNative().GgufWriter)(path, metadata, [{ name: 'a', type: 'F32', ne: [8] }], { threads: 1 });
  await writer.write(0, new Uint8Array(32), 'F32');
  await writer.finish();
}

test('a model is described with the memory it needs', async () => {
  await writeTinyCheckpoint(join(folder, 'tiny'));
  const { parameters } = await convertCheckpoint({ source: join(folder, 'tiny'), output: path, type: 'Q8_0' });
  const report = await inspectGguf(path);
  expect(report).toMatchObject({ path, architecture: 'mllama', name: 'tiny', version: 3, parameters });
  expect(parameters).toBe([...tinyTensors().values()].reduce((sum, { values }) => sum + values.length, 0));
  expect(report.types.reduce((sum, { tensors }) => sum + tensors, 0)).toBe(report.tensors.length);

  const layerRow = 2 * TINY.kvHeads * (TINY.width / TINY.heads) * 2; // keys and values, F16
  expect(report.memory).toEqual({
    weights: report.tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    selfCachePer1000Tokens: 1000 * 2 * layerRow,
    selfCacheAt8192: 8192 * 2 * layerRow,
    crossCachePerImage: 2 * layerRow * 4 * TINY.positions,
    scratch: expect.any(Number),
    total: expect.any(Number),
  });
});

test('the memory plan gives the known figures of AICA-5B', async () => {
  const entries = {
    context_length: 131_072,
    embedding_length: 3072,
    feed_forward_length: 8192,
    block_count: 35,
    'attention.head_count': 24,
    'attention.head_count_kv': 8,
    'vision.embedding_length': 1280,
    'vision.feed_forward_length': 5120,
    'vision.image_size': 560,
    'vision.patch_size': 14,
    'vision.num_channels': 3,
    'vision.max_num_tiles': 4,
  };
  await write([
    { key: 'general.architecture', type: 'string', value: 'mllama' },
    { key: 'mllama.attention.cross_attention_layers', type: 'i32[]', value: [3, 8, 13, 18, 23, 28, 33] },
    { key: 'mllama.vision.intermediate_layers_indices', type: 'i32[]', value: [3, 7, 15, 23, 30] },
    ...Object.entries(entries).map(([key, value]) => ({ key: `mllama.${key}`, type: 'u32' as const, value })),
  ]);
  const { memory } = await inspectGguf(path);
  expect(memory?.selfCachePer1000Tokens).toBe(114_688_000);
  expect(memory?.selfCacheAt8192).toBe(896 * 1024 * 1024);
  expect(memory?.crossCachePerImage).toBe(6404 * 28_672);
  // Measured: what the engine allocated for a model of these shapes (939,524,096 + 763,363,328 + 442,188,960).
  const measured = 2_145_076_384;
  expect(Math.abs((memory?.total ?? 0) - (memory?.weights ?? 0) - measured)).toBeLessThan(measured / 100);
});

/** What a thread of the CPU works with where it multiplies in tiles: nothing in a model whose size matters. */
const WORK_OF_TILES = 2 << 20;

test('the memory plan is what the engine allocates', async () => {
  await writeTinyCheckpoint(join(folder, 'tiny'));
  await convertCheckpoint({ source: join(folder, 'tiny'), output: path, type: 'F32' });
  for (const model of [path, ENDLESS]) {
    const { memory: plan } = await inspectGguf(model);
    const engine = new Engine(loadNative());
    await engine.load({ ...loadOptions(model), kvType: 'f16' });
    const { weights, selfCache, crossCache, compute } = engine.memory();
    engine.close();
    const allocated = weights + selfCache + crossCache + compute;
    expect(Math.abs((plan?.total ?? 0) - allocated), `${plan?.total} planned, ${allocated} allocated`).toBeLessThan(
      allocated / 50 + WORK_OF_TILES,
    );
  }
});

test('a model of another architecture is described without a plan', async () => {
  await write([{ key: 'general.architecture', type: 'string', value: 'llama' }]);
  const report = await inspectGguf(path);
  expect(report).toMatchObject({ architecture: 'llama', name: undefined, parameters: 8 });
  expect(report.memory).toBeUndefined();
});

test.each([
  ['without an architecture', [], /no general\.architecture/],
  [
    'that says mllama but lacks its numbers',
    [{ key: 'general.architecture', type: 'string', value: 'mllama' }],
    /is missing/,
  ],
] as const)('a file %s is a format error', async (_, metadata, message) => {
  await write([...metadata]);
  await expect(inspectGguf(path)).rejects.toMatchObject({
    code: 'ERR_MODEL_FORMAT',
    message: expect.stringMatching(message),
  });
});

test('a missing file, a text and a truncated file are typed errors', async () => {
  await expect(inspectGguf(path)).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  await writeFile(path, 'not a model at all');
  await expect(inspectGguf(path)).rejects.toMatchObject({ code: 'ERR_MODEL_FORMAT' });
  await write([{ key: 'general.architecture', type: 'string', value: 'llama' }]);
  for (let size = 0; size < 100; size += 7) {
    await truncate(path, 100 - size);
    await expect(inspectGguf(path)).rejects.toMatchObject({ code: 'ERR_MODEL_FORMAT' });
  }
});

test('a path that is no text is refused', async () => {
  await expect(loadNative().readGguf(7 as unknown as string)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
});
