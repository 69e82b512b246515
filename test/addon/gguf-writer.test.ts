import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { NativeGgufWriterOptions, NativeMetadataEntry, NativeTensorPlan } from '../../lib/native/binding.js';
import { loadNative } from '../../lib/native/load.js';
import { readGgufTensors, toFloats } from '../support/gguf-tensors.js';

const { GgufWriter, readGguf } = loadNative();
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bllossom-writer-'));
  path = join(folder, 'model.gguf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const THREADS = { threads: 1 };
const PLAN: NativeTensorPlan[] = [{ name: 'weights', type: 'F32', ne: [4, 2] }];
const create = (metadata: unknown = [], plan: unknown = PLAN, options: unknown = THREADS, where: unknown = path) =>
  new GgufWriter(
    where as string,
    metadata as NativeMetadataEntry[],
    plan as NativeTensorPlan[],
    options as NativeGgufWriterOptions,
  );
const rows = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const ROW = rows(1, 2, 3, 4);
const BOTH = rows(1, 2, 3, 4, 5, 6, 7, 8);
const invalid = expect.objectContaining({ code: 'ERR_INVALID_OPTION' });
const closed = expect.objectContaining({ code: 'ERR_CLOSED' });

test('every kind of metadata arrives', async () => {
  const writer = create(
    [
      { key: 'general.architecture', type: 'string', value: '꽃' },
      { key: 'u', type: 'u32', value: 4294967295 },
      { key: 'i', type: 'i32', value: -2147483648 },
      { key: 'f', type: 'f32', value: 0.5 },
      { key: 'b', type: 'bool', value: false },
      { key: 'is', type: 'i32[]', value: Array.from({ length: 100 }, (_, i) => i) },
      { key: 'fs', type: 'f32[]', value: [0.25, -1] },
      { key: 'ss', type: 'string[]', value: ['', 'Ġa'] },
      { key: '__proto__', type: 'string[]', value: [] },
    ],
    [],
  );
  await writer.finish();
  const { metadata, arrayLengths, tensors, version } = await readGguf(path);
  expect(Object.entries(metadata)).toEqual([
    ['general.architecture', '꽃'],
    ['u', 4294967295],
    ['i', -2147483648],
    ['f', 0.5],
    ['b', false],
    ['is', Array.from({ length: 64 }, (_, i) => i)],
    ['fs', [0.25, -1]],
    ['ss', ['', 'Ġa']],
    ['__proto__', []],
  ]);
  expect(arrayLengths).toEqual({ is: 100 });
  expect([tensors, version]).toEqual([[], 3]);
});

test('bytes are copied before the call returns', async () => {
  const writer = create();
  const bytes = BOTH.slice();
  const writing = writer.write(0, bytes, 'F32');
  bytes.fill(0xff);
  await writing;
  await writer.finish();
  const file = await readGgufTensors(path);
  expect([...toFloats(await file.bytes('weights'))]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a write resolves with what its rows lost', async () => {
  const values = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i));
  const writer = create(
    [],
    [
      { name: 'exact', type: 'F32', ne: [256, 2] },
      { name: 'coarse', type: 'Q4_0', ne: [256, 2] },
    ],
  );
  const squaredSum = values.reduce((sum, value) => sum + value * value, 0);
  const exact = await writer.write(0, new Uint8Array(values.buffer), 'F32');
  expect(exact).toEqual({ squaredError: 0, squaredSum: expect.closeTo(squaredSum, 6) });
  const first = await writer.write(1, new Uint8Array(values.buffer, 0, 1024), 'F32');
  const second = await writer.write(1, new Uint8Array(values.buffer, 1024), 'F32');
  expect(first.squaredSum + second.squaredSum).toBeCloseTo(squaredSum, 6);
  expect(first.squaredError / first.squaredSum).toBeGreaterThan(1e-4);
  expect(first.squaredError / first.squaredSum).toBeLessThan(0.02);
  writer.abort();
});

test.each([
  ['of another length', new Float32Array(5), /rows of 4 elements, but 5 importance weights/],
  ['that are not finite', Float32Array.of(1, Number.NaN, 1, 1), /weights has an importance weight of nan/],
  ['below zero', Float32Array.of(1, 1, -1, 1), /weights has an importance weight of -1/],
  ['of another kind', [1, 1, 1, 1], /the importance of weights must be a Float32Array/],
])('importance weights %s are refused', (_, importance, message) => {
  expect(() => create([], [{ ...PLAN[0], importance }])).toThrow(message);
});

test('calls that overlap reject and leave the running one alone', async () => {
  const writer = create();
  const writing = writer.write(0, BOTH, 'F32');
  await expect(writer.write(0, ROW, 'F32')).rejects.toEqual(invalid);
  await expect(writer.finish()).rejects.toEqual(invalid);
  await writing;
  await writer.finish();
  expect(await readdir(folder)).toEqual(['model.gguf']);
});

test('a file that is kept survives its writer and is resumed', async () => {
  const first = create([], PLAN, { threads: 1, resume: [0] });
  await first.write(0, ROW, 'F32');
  await first.sync();
  first.close();
  expect(await readdir(folder)).toEqual(['model.gguf.tmp']);
  const second = create([], PLAN, { threads: 1, resume: [1] });
  await second.write(0, rows(5, 6, 7, 8), 'F32');
  await second.finish();
  second.close();
  const file = await readGgufTensors(path);
  expect([...toFloats(await file.bytes('weights'))]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(() => create([], PLAN, { threads: 1, resume: [1] })).toThrow(
    expect.objectContaining({ code: 'ERR_MODEL_FORMAT' }),
  );
});

test('calls out of order reject and do no harm', async () => {
  const writer = create();
  await expect(writer.finish()).rejects.toEqual(invalid);
  await expect(writer.write(0, ROW.subarray(1), 'F32')).rejects.toEqual(invalid);
  await writer.write(0, BOTH, 'F32');
  await expect(writer.write(0, ROW, 'F32')).rejects.toEqual(invalid);
  await writer.finish();
  await expect(writer.finish()).rejects.toEqual(closed);
  await expect(writer.write(0, ROW, 'F32')).rejects.toEqual(closed);
  writer.abort();
  expect(await readdir(folder)).toEqual(['model.gguf']);
});

test('abort removes the temporary file, also while a call runs, and may be repeated', async () => {
  const writer = create();
  expect(existsSync(`${path}.tmp`)).toBe(true);
  writer.abort();
  writer.abort();
  expect(await readdir(folder)).toEqual([]);
  await expect(writer.write(0, ROW, 'F32')).rejects.toEqual(closed);

  const busy = create();
  const writing = busy.write(0, ROW, 'F32');
  busy.abort();
  await writing;
  expect(await readdir(folder)).toEqual([]);
  await expect(busy.finish()).rejects.toEqual(closed);
});

test.each([
  ['a number for a path', [[], PLAN, THREADS, 7]],
  ['an empty path', [[], PLAN, THREADS, '']],
  ['metadata that is no list', ['x', PLAN, THREADS]],
  ['metadata that is no object', [[null], PLAN, THREADS]],
  ['an unknown kind', [[{ key: 'k', type: 'u64', value: 1 }], PLAN, THREADS]],
  ['a value of another kind', [[{ key: 'k', type: 'bool', value: 1 }], PLAN, THREADS]],
  ['a number out of range', [[{ key: 'k', type: 'u32', value: -1 }], PLAN, THREADS]],
  ['a fraction', [[{ key: 'k', type: 'i32', value: 0.5 }], PLAN, THREADS]],
  ['NaN for an integer', [[{ key: 'k', type: 'i32', value: Number.NaN }], PLAN, THREADS]],
  ['a list with a wrong element', [[{ key: 'k', type: 'string[]', value: ['a', 1] }], PLAN, THREADS]],
  [
    'a getter that throws',
    [
      [
        {
          key: 'k',
          type: 'string',
          get value() {
            throw new Error('getter');
          },
        },
      ],
      PLAN,
      THREADS,
    ],
  ],
  ['a plan that is no list', [[], {}, THREADS]],
  ['a plan without a shape', [[], [{ name: 'a', type: 'F32' }], THREADS]],
  ['a dimension of zero', [[], [{ name: 'a', type: 'F32', ne: [0] }], THREADS]],
  ['a dimension beyond exact integers', [[], [{ name: 'a', type: 'F32', ne: [2 ** 53] }], THREADS]],
  ['an unknown type', [[], [{ name: 'a', type: 'F33', ne: [1] }], THREADS]],
  ['negative threads', [[], PLAN, { threads: -1 }]],
  ['no options', [[], PLAN, 1]],
  ['rows of another plan', [[], PLAN, { threads: 1, resume: [0, 0] }]],
  ['rows that are no integers', [[], PLAN, { threads: 1, resume: ['1'] }]],
] as const)('%s throws and leaves no file', async (name, args) => {
  const expected = name === 'a getter that throws' ? expect.any(Error) : invalid;
  expect(() => create(...args)).toThrow(expected);
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ['no bytes', undefined, 'F32'],
  ['an array', [1, 2], 'F32'],
  ['floats instead of their bytes', Float32Array.of(1, 2, 3, 4), 'F32'],
  ['an unknown source type', ROW, 'F64'],
  ['no source type', ROW, undefined],
])('writing %s rejects', async (_, bytes, type) => {
  const writer = create();
  await expect(writer.write(0, bytes as Uint8Array, type as 'F32')).rejects.toEqual(invalid);
  writer.abort();
});

test('methods refuse another object as this', () => {
  const writer = create();
  expect(() => writer.abort.call({} as typeof writer)).toThrow();
  writer.abort();
});
