import { expect, test } from 'vitest';
import { openSafetensors, parseSafetensorsHeader } from '../../lib/convert/safetensors.js';
import { inMemory, safetensors, tinyFiles } from '../support/tiny-checkpoint.js';

const FILE = 'model.safetensors';
const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const parse = (header: unknown, bytes: number) => parseSafetensorsHeader(JSON.stringify(header), bytes, FILE);

test('tensors that tile the data are accepted in any order of the header', () => {
  const entries = parse(
    { __metadata__: { format: 'pt' }, b: entry(8, 16), empty: entry(8, 8, [0, 5]), a: entry(0, 8) },
    16,
  );
  expect(entries.map(({ name, begin, bytes }) => [name, begin, bytes])).toEqual([
    ['a', 0, 8],
    ['empty', 8, 0],
    ['b', 8, 8],
  ]);
});

test.each([
  ['a hole', { a: entry(0, 8), b: entry(12, 16) }, 16, /b starts at byte 12 and leaves a hole/],
  ['a hole at the start', { a: entry(4, 8) }, 8, /leaves a hole/],
  ['an overlap', { a: entry(0, 8), b: entry(4, 12) }, 12, /b starts at byte 4 and overlaps/],
  ['the same range twice', { a: entry(0, 8), b: entry(0, 8) }, 8, /overlaps/],
  ['bytes after the last tensor', { a: entry(0, 8) }, 12, /holds 12 bytes of tensors, but its header describes 8/],
  ['a truncated file', { a: entry(0, 8) }, 4, /holds 4 bytes/],
  ['a range that is not the product', { a: entry(0, 8, [3]) }, 8, /12 bytes by its shape/],
  ['a backward range', { a: entry(8, 0, [2]) }, 8, /byte range \[8, 0\]/],
  ['a product beyond exact integers', { a: entry(0, 8, [2 ** 31, 2 ** 31]) }, 8, /bytes by its shape/],
  ['a product that is exact again by a zero', { a: entry(0, 8, [2 ** 31, 2 ** 31, 0]) }, 8, /bytes by its shape/],
  ['a negative dimension', { a: entry(0, 8, [-1, -2]) }, 8, /shape \[-1,-2\]/],
  ['a fraction', { a: entry(0, 8, [0.5, 4]) }, 8, /shape/],
  ['a dimension that is text', { a: entry(0, 8, ['2']) }, 8, /shape/],
  ['an unknown type', { a: entry(0, 8, [2], 'F33') }, 8, /unknown type "F33"/],
  ['a type named like a method', { a: entry(0, 8, [2], 'toString') }, 8, /unknown type/],
  ['three offsets', { a: { dtype: 'F32', shape: [2], data_offsets: [0, 4, 8] } }, 8, /\[begin, end\]/],
  ['no offsets', { a: { dtype: 'F32', shape: [2] } }, 8, /\[begin, end\]/],
  ['a tensor that is no object', { a: null }, 0, /not described by an object/],
  ['a header that is a list', [], 0, /must hold a JSON object/],
])('%s is refused', (_, header, bytes, message) => {
  expect(() => parse(header, bytes)).toThrow(
    expect.objectContaining({ code: 'ERR_MODEL_FORMAT', message: expect.stringMatching(message) }),
  );
});

test('a header that is not JSON is refused', () => {
  expect(() => parseSafetensorsHeader('{"a":', 0, FILE)).toThrow(/not valid JSON/);
});

const withLength = (length: bigint, rest: string | Uint8Array = '{}') => {
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(length);
  return Buffer.concat([head, Buffer.from(rest)]);
};

test.each([
  ['shorter than its length field', Buffer.from('abc'), /has 3 bytes/],
  ['with a header longer than the file', withLength(100n), /announces a header of 100 bytes/],
  ['with a header over the limit', withLength(100_000_001n), /limit is 100000000/],
  ['with a header of 2^64 - 1 bytes', withLength(2n ** 64n - 1n), /announces/],
  ['with a header that is not UTF-8', withLength(4n, Buffer.from([0x22, 0xff, 0xfe, 0x22])), /not valid UTF-8/],
])('a file %s is refused and closed', async (_, content, message) => {
  const files = inMemory(new Map([[FILE, content]]));
  await expect(openSafetensors(files)).rejects.toThrow(message);
  expect(files.openFiles).toBe(0);
});

test('a tensor is read by range, and nothing beyond it', async () => {
  const values = Float32Array.of(1, 2, 3, 4);
  const files = inMemory(
    new Map([
      [
        FILE,
        safetensors(
          new Map([
            ['first', { shape: [1], values: Float32Array.of(9) }],
            ['second', { shape: [2, 2], values }],
          ]),
          'F32',
        ),
      ],
    ]),
  );
  const source = await openSafetensors(files);
  expect(source.tensors.get('second')).toEqual({ name: 'second', dtype: 'F32', shape: [2, 2], bytes: 16 });
  expect([...new Float32Array((await source.read('second', 4, 8)).slice().buffer)]).toEqual([2, 3]);
  expect(() => source.read('second', 8, 12)).toThrow(RangeError);
  expect(() => source.read('third', 0, 1)).toThrow(RangeError);
  await source.close();
  expect(files.openFiles).toBe(0);
});

const withIndex = (map: unknown) => tinyFiles({ shards: 2, files: { 'model.safetensors.index.json': map } });
const SHARD = 'model-00001-of-00002.safetensors';

test.each([
  ['no weight_map', {}, /has no weight_map/],
  ['a path out of the folder', { weight_map: { a: '../secret.safetensors' } }, /same folder/],
  ['an absolute path', { weight_map: { a: '/etc/passwd' } }, /same folder/],
  ['a pickle', { weight_map: { a: 'pytorch_model.bin' } }, /same folder/],
  ['a missing shard', { weight_map: { a: 'gone.safetensors' } }, /gone\.safetensors, which is missing/],
  ['a shard with other tensors', { weight_map: { a: SHARD } }, /does not place there/],
])('an index with %s is refused', async (_, index, message) => {
  const files = inMemory(withIndex(index));
  await expect(openSafetensors(files)).rejects.toMatchObject({
    code: 'ERR_MODEL_FORMAT',
    message: expect.stringMatching(message),
  });
  expect(files.openFiles).toBe(0);
});

test('a tensor that the index places in a shard without it is refused', async () => {
  const files = tinyFiles({ shards: 2 });
  const index = JSON.parse(Buffer.from(files.get('model.safetensors.index.json') as Uint8Array).toString());
  index.weight_map.extra = SHARD;
  files.set('model.safetensors.index.json', Buffer.from(JSON.stringify(index)));
  await expect(openSafetensors(inMemory(files))).rejects.toThrow(
    /places the tensor extra in .*, which does not hold it/,
  );
});

test('a folder with only pickle files is refused with the reason', async () => {
  const files = inMemory(new Map([['pytorch_model.bin', Buffer.alloc(10)]]));
  await expect(openSafetensors(files)).rejects.toThrow(
    /pytorch_model\.bin is a pickle file, which can run code: use safetensors/,
  );
});
