import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../lib/convert/checkpoint.js';
import { openCheckpointFolder } from '../../lib/convert/checkpoint-folder.js';
import { excerpt, parseObject } from '../../lib/convert/json.js';
import { openSafetensors } from '../../lib/convert/safetensors.js';
import { inMemory, tinyFiles, writeTinyCheckpoint } from '../support/tiny-checkpoint.js';

// Files of a checkpoint that are not what their names say. Changes of their content: test/addon/malformed-checkpoint.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bllossom-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const latin = (text: string) => Buffer.from(text, 'latin1');
const FOREIGN: [string, Buffer, RegExp][] = [
  ...[2, 3, 4, 5].map((protocol): [string, Buffer, RegExp] => [
    `a pickle of protocol ${protocol}`,
    Buffer.from([0x80, protocol, 0x7d, 0x71, 0x00, 0x2e]),
    /is a pickle file; pickle can run code when it is read.*safetensors/,
  ]),
  [
    'a PyTorch archive',
    latin('PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl'),
    /zip archive, as PyTorch.*pickle can run/,
  ],
  ['an empty zip', latin('PK\x05\x06'.padEnd(22, '\0')), /zip archive/],
  [
    'a tar',
    latin(`${'pickle'.padEnd(257, '\0')}ustar\x0000`),
    /tar archive, as old PyTorch wrote; pickle can run code/,
  ],
  ['an HDF5 file', latin('\x89HDF\r\n\x1a\n\0\0\0\0'), /HDF5 file, as Keras writes; use the safetensors/],
  ['a GGUF file', latin('GGUF\x03\0\0\0\0\0\0\0'), /is a GGUF file; it is converted already/],
  ['a pointer of Git LFS', latin('version https://git-lfs.github.com/spec/v1\n'), /pointer of Git LFS.*git lfs pull/],
  ['a web page', latin('\n<!DOCTYPE html><html>'), /is a web page; the download went wrong/],
];

describe('tensors that are no safetensors', () => {
  test.each(FOREIGN)('%s called model.safetensors is told by its first bytes', async (_, bytes, message) => {
    const files = inMemory(new Map([['model.safetensors', bytes]]));
    await expect(openSafetensors(files)).rejects.toMatchObject({
      code: 'ERR_MODEL_FORMAT',
      message: expect.stringMatching(message),
    });
    expect(files.openFiles).toBe(0);
  });

  test.each(FOREIGN)('%s as a shard is told too', async (_, bytes, message) => {
    const files = tinyFiles({ shards: 2 }).set('model-00002-of-00002.safetensors', bytes);
    await expect(openSafetensors(inMemory(files))).rejects.toThrow(message);
  });

  test.each(FOREIGN)('%s named instead of a folder is told too', async (_, bytes, message) => {
    const file = join(folder, 'model.safetensors');
    writeFileSync(file, bytes);
    await expect(openCheckpointFolder(file)).rejects.toMatchObject({
      code: 'ERR_MODEL_FORMAT',
      message: expect.stringMatching(message),
    });
  });

  test('a header whose length begins like a pickle is a header', async () => {
    const text = JSON.stringify({ __metadata__: { note: 'x' } }).padEnd(0x0280);
    const bytes = Buffer.concat([Buffer.from([0x80, 0x02, 0, 0, 0, 0, 0, 0]), Buffer.from(text)]);
    const source = await openSafetensors(inMemory(new Map([['model.safetensors', bytes]])));
    expect(source.tensors.size).toBe(0);
    await source.close();
  });

  test.each(['pytorch_model.bin', 'consolidated.00.pth', 'a.pt', 'model.ckpt', 'x.PKL'])(
    '%s alone is refused',
    async (name) => {
      await expect(openSafetensors(inMemory(new Map([[name, Buffer.alloc(9)]])))).rejects.toThrow(/is a pickle file/);
    },
  );
});

describe('the folder of a checkpoint', () => {
  const open = async () => openCheckpoint(await openCheckpointFolder(folder));
  beforeEach(() => writeTinyCheckpoint(folder));

  test('is read, a mark of byte order or not', async () => {
    writeFileSync(join(folder, 'special_tokens_map.json'), '\ufeff{}');
    await (await open()).close();
  });

  test('with a text that is not UTF-8 is refused', async () => {
    writeFileSync(join(folder, 'tokenizer.json'), latin('{"\xff":1}'));
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_MODEL_FORMAT',
      message: expect.stringMatching(/not UTF-8/),
    });
  });

  test('with a text larger than any is refused unread', async () => {
    truncateSync(join(folder, 'tokenizer.json'), 2 ** 40);
    await expect(open()).rejects.toThrow(/tokenizer\.json has 1099511627776 bytes, more than the 268435456 allowed/);
  });

  test.each(['config.json', 'model.safetensors'])('is refused, and not waited for, when %s is a pipe', async (name) => {
    rmSync(join(folder, name));
    execFileSync('mkfifo', [join(folder, name)]);
    await expect(open()).rejects.toMatchObject({ code: 'ERR_IO', message: expect.stringMatching(/no regular file/) });
  });

  test.each(['config.json', 'model.safetensors'])('is refused when %s is a folder', async (name) => {
    rmSync(join(folder, name));
    mkdirSync(join(folder, name));
    await expect(open()).rejects.toMatchObject({ code: 'ERR_IO' });
  });
});

describe('JSON', () => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;

  test('is read to 64 levels', () => {
    expect(() => parseObject(nested(64), 'x')).not.toThrow();
    expect(() => parseObject(nested(65), 'x')).toThrow(/x is nested deeper than the 64 levels allowed/);
  });

  test('of a million levels is refused before it is parsed', () => {
    for (const open of ['[', '{"a":', '{"]":[']) {
      expect(() => parseObject(`{"a":${open.repeat(1e6)}`, 'x')).toThrow(/nested deeper/);
    }
  });

  test('may hold brackets in strings', () => {
    const text = '[{'.repeat(100);
    const value = { [`${text}"\\`]: `\\${text}\\"`, b: '\\' };
    expect(parseObject(JSON.stringify(value), 'x')).toEqual(value);
  });

  test.each(['{"a', '{"a\\', '{"a":"\\"}', '"', '\\"['])('%j that breaks off in a string is refused', (text) => {
    expect(() => parseObject(text, 'x')).toThrow(/x is not valid JSON/);
  });

  test('is shown short in messages', () => {
    expect(excerpt({ a: [1, 'x', null], b: { c: 1 } })).toBe('{"a":[1,"x",null],"b":{"c":1}}');
    expect(excerpt([[[[1]]]])).toBe('[[…]]');
    const long = [
      'x'.repeat(1e6),
      Array(1e5).fill(7),
      Object.fromEntries(Array.from({ length: 1e4 }, (_, i) => [i, i])),
    ];
    for (const value of long) expect(excerpt(value).length).toBeLessThan(120);
  });
});
