/** Conversion with an importance matrix, and the report of what was lost. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConversionOptions, convertCheckpoint } from '../../lib/convert/convert.js';
import type { NativeMetadataEntry } from '../../lib/native/binding.js';
import { loadNative } from '../../lib/native/load.js';
import { randomCheckpoint } from '../../scripts/random-checkpoint/checkpoint.mjs';
import { PRESETS } from '../../scripts/random-checkpoint/presets.mjs';
import { readGgufTensors, toFloats } from '../support/gguf-tensors.js';
import { type ImatrixEntry, writeImatrix } from '../support/imatrix-file.js';

const WIDTH = 256;
const source = randomCheckpoint(
  {
    ...PRESETS.tiny,
    name: 'imatrix',
    text: { width: WIDTH, inner: 256, heads: 4, kvHeads: 2, crossLayers: [1], layers: 3 },
  },
  9,
);

let folder: string;
let output: string;
let imatrix: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bllossom-imatrix-'));
  output = join(folder, 'model.gguf');
  imatrix = join(folder, 'importance.gguf');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (options: Partial<ConversionOptions> = {}) =>
  convertCheckpoint({ source, output, type: 'Q4_K_M', ...options });

/** One column of four matters, the rest hardly. */
const matters = (column: number) => column % 4 === 0;
const steep = (...names: string[]) =>
  new Map<string, ImatrixEntry>(
    names.map((name) => [name, { sums: Array.from({ length: WIDTH }, (_, i) => (matters(i) ? 8 : 1e-4)), count: 2 }]),
  );
const Q_PROJ = 'blk.1.cross_attn_q_proj.weight';

describe('an importance matrix', () => {
  /** Squared error of the columns that matter and of the others, of one tensor whose values are read back. */
  async function errors(path: string): Promise<[important: number, other: number]> {
    await run({ type: 'F32', output: join(folder, 'exact.gguf') });
    const exact = toFloats(await (await readGgufTensors(join(folder, 'exact.gguf'))).bytes(Q_PROJ));
    const stored = dequantizeQ4K(await (await readGgufTensors(path)).bytes(Q_PROJ));
    const sums: [number, number] = [0, 0];
    for (const [i, value] of exact.entries()) {
      sums[matters(i) ? 0 : 1] += (value - (stored[i] as number)) ** 2;
    }
    return sums;
  }

  test('moves the error of a tensor of any part to the columns that matter less', async () => {
    await run();
    const [before, othersBefore] = await errors(output);
    await writeImatrix(imatrix, steep(Q_PROJ));
    await run({ imatrix });
    const [after, othersAfter] = await errors(output);
    expect(after).toBeLessThan(0.8 * before);
    expect(othersAfter).toBeGreaterThan(othersBefore);
  });

  test('changes only the tensors that it names, and none of eight bits or more', async () => {
    await run();
    const [plain, plainBytes] = [await readGgufTensors(output), new Map<string, Buffer>()];
    for (const { name } of plain.info.tensors) plainBytes.set(name, await plain.bytes(name));
    await writeImatrix(imatrix, steep(Q_PROJ, 'v.blk.0.attn_q.weight'));
    await run({ imatrix });
    const weighted = await readGgufTensors(output);
    const changed: string[] = [];
    for (const { name } of weighted.info.tensors) {
      if (!(await weighted.bytes(name)).equals(plainBytes.get(name) as Buffer)) changed.push(name);
    }
    expect(changed).toEqual([Q_PROJ]);
  });

  test('of a part of the model is used for what it names', async () => {
    await writeImatrix(imatrix, steep(Q_PROJ));
    const { unweighted } = await run({ imatrix });
    expect(unweighted).toContain('blk.0.attn_q.weight');
    expect(unweighted).toContain('output.weight');
    expect(unweighted).not.toContain(Q_PROJ);
    expect(unweighted.filter((name) => /^v\.|^mm\.|norm|^token_embd/.test(name))).toEqual([]);
  });
});

/** ggml's block of 256: two F16 scales, eight 6-bit scales and minima, and 4-bit numbers. */
function dequantizeQ4K(bytes: Buffer): Float32Array {
  const result = new Float32Array((bytes.length / 144) * 256);
  for (let block = 0; block * 144 < bytes.length; block++) {
    const at = bytes.subarray(block * 144, (block + 1) * 144);
    const [scale, least] = [half(at.readUInt16LE(0)), half(at.readUInt16LE(2))];
    const packed = at.subarray(4, 16);
    for (let i = 0; i < 256; i++) {
      const group = i >> 5;
      const byte = at[16 + (i >> 6) * 32 + (i & 31)] as number;
      const [multiplier, minimum] = sixBits(packed, group);
      result[block * 256 + i] = scale * multiplier * (group & 1 ? byte >> 4 : byte & 15) - least * minimum;
    }
  }
  return result;
}

function sixBits(packed: Buffer, group: number): [number, number] {
  const byte = (i: number) => packed[i] as number;
  if (group < 4) return [byte(group) & 63, byte(group + 4) & 63];
  return [(byte(group + 4) & 15) | ((byte(group - 4) >> 6) << 4), (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4)];
}

function half(bits: number): number {
  const [exponent, mantissa] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

describe('an importance matrix is refused when', () => {
  const refused = async (options: Partial<ConversionOptions>, code: string, message: RegExp) => {
    await rm(output, { force: true });
    const failure = run({ imatrix, ...options });
    await expect(failure).rejects.toMatchObject({ code });
    await expect(failure).rejects.toThrow(message);
    await expect(readFile(output)).rejects.toThrow(/ENOENT/);
  };

  test('there is none', () => refused({ imatrix: join(folder, 'none.gguf') }, 'ERR_MODEL_NOT_FOUND', /none\.gguf/));

  test('it is no GGUF file', async () => {
    await writeFile(imatrix, 'blk.0.attn_q.weight');
    await refused({}, 'ERR_MODEL_FORMAT', /importance\.gguf/);
  });

  test('it is a model', async () => {
    await run({ type: 'F16', output: join(folder, 'a-model.gguf') });
    await refused({ imatrix: join(folder, 'a-model.gguf') }, 'ERR_MODEL_FORMAT', /its general\.type is "model"/);
  });

  test('it is empty', async () => {
    await writeImatrix(imatrix, new Map());
    await refused({}, 'ERR_MODEL_FORMAT', /importance\.gguf holds no importance weights/);
  });

  test('it is of a model with other layers, as a text model without the cross layers is', async () => {
    await writeImatrix(imatrix, steep('blk.0.attn_q.weight', 'blk.1.attn_q.weight'));
    await refused({}, 'ERR_INVALID_OPTION', /weights for blk\.1\.attn_q\.weight, which this model does not have/);
  });

  test('a row has another length', async () => {
    await writeImatrix(imatrix, new Map([[Q_PROJ, { sums: Array(512).fill(1), count: 1 }]]));
    await refused({}, 'ERR_INVALID_OPTION', /cross_attn_q_proj\.weight\.in_sum2 is F32 \[512\].*needs F32 \[256\]/);
  });

  test.each([Number.NaN, 0, -1, Number.POSITIVE_INFINITY])('a count is %d', async (count) => {
    await writeUnchecked(new Map([[Q_PROJ, { sums: Array(WIDTH).fill(1), count }]]));
    await refused({}, 'ERR_MODEL_FORMAT', /the count of blk\.1\.cross_attn_q_proj\.weight is/);
  });

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('a sum is %d', async (sum) => {
    await writeUnchecked(new Map([[Q_PROJ, { sums: [...Array(WIDTH - 1).fill(1), sum], count: 1 }]]));
    await refused({}, 'ERR_MODEL_FORMAT', /holds .* for blk\.1\.cross_attn_q_proj\.weight/);
  });

  test('the counts are missing', async () => {
    const metadata: NativeMetadataEntry[] = [{ key: 'general.type', type: 'string', value: 'imatrix' }];
    const plan = [{ name: `${Q_PROJ}.in_sum2`, type: 'F32', ne: [WIDTH, 1] }];
    const writer = new (loadNative().GgufWriter)(imatrix, metadata, plan, { threads: 1 });
    await writer.write(0, new Uint8Array(WIDTH * 4), 'F32');
    await writer.finish();
    await refused({}, 'ERR_MODEL_FORMAT', /has no blk\.1\.cross_attn_q_proj\.weight\.counts/);
  });

  test('it is no path', () => refused({ imatrix: 7 as never }, 'ERR_INVALID_OPTION', /a path for imatrix/));

  /** The writer refuses numbers like these: they are put into a good file. */
  async function writeUnchecked(entries: Map<string, ImatrixEntry>): Promise<void> {
    const safe = (value: number) => (Number.isFinite(value) ? value : 12345);
    const [[name, { sums, count }]] = [...entries] as [[string, ImatrixEntry]];
    await writeImatrix(imatrix, new Map([[name, { sums: Array.from(sums, safe), count: safe(count) }]]));
    const { info } = await readGgufTensors(imatrix);
    const file = await readFile(imatrix);
    const at = (stored: string) => info.tensors.find((tensor) => tensor.name === stored)?.offset as number;
    for (const [i, sum] of [...sums].entries()) file.writeFloatLE(sum, at(`${name}.in_sum2`) + 4 * i);
    file.writeFloatLE(count, at(`${name}.counts`));
    await writeFile(imatrix, file);
  }
});

describe('Q2_K_S', () => {
  test('is refused without importance weights', async () => {
    const failure = run({ type: 'Q2_K_S' });
    await expect(failure).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(failure).rejects.toThrow(
      /Q2_K_S needs importance weights for blk\.0\..*no importance matrix is given/,
    );
  });

  test('is refused where a tensor has none', async () => {
    await writeImatrix(imatrix, steep('blk.0.attn_q.weight'));
    await expect(run({ type: 'Q2_K_S', imatrix })).rejects.toThrow(/for blk\.0\.attn_k\.weight, and the .* has none/);
  });
});

describe('the report', () => {
  test('names every tensor in the order of the file, with its types and what it lost', async () => {
    const { details, tensors } = await run({ type: 'Q4_K_M' });
    const { info } = await readGgufTensors(output);
    expect(details.map(({ name, shape, type }) => [name, shape, type])).toEqual(
      info.tensors.map(({ name, ne, type }) => [name, ne, type]),
    );
    expect(Object.values(tensors).reduce((sum, n) => sum + n, 0)).toBe(details.length);
    const byType = (type: string) => details.filter((tensor) => tensor.type === type).map(({ error }) => error);
    for (const error of [...byType('F32'), ...byType('BF16')]) expect(error).toBe(0); // the checkpoint is in BF16
    for (const error of byType('Q8_0')) expect(error).toBeGreaterThan(0.003);
    for (const error of byType('Q8_0')) expect(error).toBeLessThan(0.008);
    for (const error of byType('Q4_K')) expect(error).toBeGreaterThan(0.05);
    for (const error of byType('Q4_K')) expect(error).toBeLessThan(0.1);
    const computed = details.find(({ name }) => name === 'rope_freqs.weight');
    expect([computed?.source, details[0]?.source]).toEqual(['F32', 'BF16']);
  });

  test('tells the same error as the stored values', async () => {
    const { details } = await run();
    const [exact, other] = [join(folder, 'exact.gguf'), await readGgufTensors(output)];
    await run({ type: 'F32', output: exact });
    const values = toFloats(await (await readGgufTensors(exact)).bytes(Q_PROJ));
    const stored = dequantizeQ4K(await other.bytes(Q_PROJ));
    const sum = (terms: Iterable<number>) => [...terms].reduce((total, term) => total + term, 0);
    const lost = sum(values.map((value, i) => (value - (stored[i] as number)) ** 2));
    const expected = Math.sqrt(lost / sum(values.map((value) => value ** 2)));
    expect(details.find(({ name }) => name === Q_PROJ)?.error).toBeCloseTo(expected, 5);
  });

  test('warns of three bits and fewer without importance weights, and only of them', async () => {
    expect((await run({ type: 'Q4_K_M' })).unweighted).toEqual([]);
    const { unweighted, details } = await run({ type: 'Q2_K' });
    const isLow = (type: string) => type === 'Q2_K' || type === 'Q3_K';
    const low = details.filter(({ name, type }) => isLow(type) && name !== 'token_embd.weight').map(({ name }) => name);
    expect(low.length).toBeGreaterThan(5);
    expect(unweighted).toEqual(low);
  });
});
