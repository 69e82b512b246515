import { expect, test } from 'vitest';
import { randomCheckpoint } from '../../scripts/random-checkpoint/checkpoint.mjs';
import { PRESETS } from '../../scripts/random-checkpoint/presets.mjs';
import { randomTensors } from '../../scripts/random-checkpoint/tensors.mjs';

const elements = (shape: number[]) => shape.reduce((product, n) => product * n, 1);

test('the stand-in for AICA-5B has its tensors, parameters and shards', async () => {
  const tensors = randomTensors(PRESETS['aica-5b'], 128256);
  expect(tensors).toHaveLength(857);
  expect(tensors.reduce((sum, { shape }) => sum + elements(shape), 0)).toBe(5_198_628_129);
  expect(new Set(tensors.map(({ name }) => name)).size).toBe(857);

  const checkpoint = randomCheckpoint(PRESETS['aica-5b'], 1);
  const shards = (await checkpoint.list()).filter((name) => name.endsWith('.safetensors'));
  const sizes = await Promise.all(
    shards.map(async (name) => {
      const file = await checkpoint.open(name);
      return file.size - 8 - Number(Buffer.from(await file.read(0, 8)).readBigUInt64LE());
    }),
  );
  expect(sizes).toEqual([4_981_588_014, 4_580_471_316, 835_196_928]); // of the released files
});

test('equal seeds make equal files, other seeds other weights, and any range is a part of the whole', async () => {
  const [one, same, other] = [1, 1, 2].map((seed) => randomCheckpoint(PRESETS.tiny, seed));
  const name = 'model-00001-of-00004.safetensors';
  const read = async (checkpoint = one) => {
    const file = await checkpoint?.open(name);
    return file?.read(0, file.size) ?? new Uint8Array();
  };
  const whole = await read();
  expect(Buffer.compare(whole, await read(same))).toBe(0);
  expect(Buffer.compare(whole, await read(other))).not.toBe(0);
  for (const [offset, length] of [
    [0, 7],
    [3, 100_001],
    [whole.length - 5, 5],
    [262_143, 262_145],
  ] as const) {
    const part = await (await one?.open(name))?.read(offset, length);
    expect(Buffer.compare(part as Uint8Array, whole.subarray(offset, offset + length)), `${offset}+${length}`).toBe(0);
  }
});

test('the tile tables are empty where an aspect ratio has no tile', async () => {
  const name = 'vision_model.pre_tile_positional_embedding.embedding.weight';
  const checkpoint = randomCheckpoint(PRESETS.tiny, 1);
  const index = JSON.parse(await checkpoint.readText('model.safetensors.index.json'));
  const file = await checkpoint.open(index.weight_map[name]);
  const headerBytes = Number(Buffer.from(await file.read(0, 8)).readBigUInt64LE());
  const header = JSON.parse(Buffer.from(await file.read(8, headerBytes)).toString());
  const [begin, end] = header[name].data_offsets;
  const values = new Uint16Array((await file.read(8 + headerBytes + begin, end - begin)).buffer);
  const slots = Array.from({ length: 9 * 4 }, (_, i) => values.subarray(i * 256, (i + 1) * 256).some((v) => v !== 0));
  const filled = Array.from({ length: 9 }, (_, id) => slots.slice(4 * id, 4 * id + 4).filter(Boolean).length);
  expect(filled).toEqual([0, 1, 2, 3, 4, 2, 4, 3, 4]);
});
