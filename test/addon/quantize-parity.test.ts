/** The text tensors of a converted file against those that libllama's own quantizer makes of the same weights. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { CONVERSION_TYPES, type ConversionType, FILE_TYPE_NUMBERS } from '../../lib/convert/types.js';
import { randomCheckpoint } from '../../scripts/random-checkpoint/checkpoint.mjs';
import { PRESETS, type Preset } from '../../scripts/random-checkpoint/presets.mjs';
import { readGgufTensors } from '../support/gguf-tensors.js';
import { type ImatrixEntry, writeImatrix } from '../support/imatrix-file.js';
import { exportTextModel } from '../support/text-export.js';

const PROGRAM = fileURLToPath(new URL('../../build/test/native/reference-quantize', import.meta.url));

const vision = { ...PRESETS.tiny.vision, width: 32, inner: 32, heads: 2, layers: 1, globalLayers: 1, imageSize: 28 };
const preset = (name: string, text: Preset['text']): Preset => ({
  ...{ ...PRESETS.tiny, name, text },
  vision: { ...vision, intermediates: [0] },
});

const UNWEIGHTED = CONVERSION_TYPES.filter((type) => type !== 'Q2_K_S');

const MODELS: { preset: Preset; types: ConversionType[]; weighted: ConversionType[] }[] = [
  {
    // 16 self layers: the rules about the first sixteenth, the outer eighths and every third have their layers.
    preset: preset('groups of 4', {
      ...{ width: 256, inner: 256, heads: 4, kvHeads: 1, crossLayers: [3, 8], layers: 18 },
    }),
    types: UNWEIGHTED.filter((type) => type !== 'IQ4_NL'), // slow; below it is compared, too
    weighted: ['Q6_K', 'Q5_K_M', 'Q5_0', 'Q4_K_M', 'Q4_0', 'IQ4_XS', 'Q3_K_M', 'Q2_K_S'],
  },
  {
    preset: preset('groups of 3, tied', {
      ...{ width: 768, inner: 256, heads: 3, kvHeads: 1, crossLayers: [1], layers: 2, tied: true },
    }),
    types: ['Q8_0', 'Q4_K_M', 'IQ4_XS', 'Q2_K'],
    weighted: ['Q4_K_M'],
  },
  {
    preset: preset('rows that are not whole blocks', {
      ...{ width: 320, inner: 272, heads: 5, kvHeads: 1, crossLayers: [1], layers: 3 },
    }),
    types: UNWEIGHTED,
    weighted: ['Q5_0', 'Q4_1', 'IQ4_NL'],
  },
  {
    preset: preset('80 self layers', {
      ...{ width: 64, inner: 64, heads: 2, kvHeads: 1, crossLayers: [3, 8], layers: 82 },
    }),
    types: ['Q4_K_M', 'Q3_K_S'],
    weighted: [],
  },
];

let folder: string;
beforeAll(async () => {
  if (!existsSync(PROGRAM)) throw new Error('build/test/native is missing: npm run build -- --tests');
  folder = await mkdtemp(join(tmpdir(), 'bllossom-quantize-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What libllama's quantizer makes of a file. */
async function reference(input: string, type: ConversionType, imatrix?: string) {
  const output = join(folder, 'theirs.gguf');
  const args = [input, output, String(FILE_TYPE_NUMBERS[type])];
  const run = spawnSync(PROGRAM, imatrix === undefined ? args : [...args, imatrix], { encoding: 'utf8' });
  expect(run.status, run.stderr).toBe(0);
  return readGgufTensors(output);
}

/** One name per tensor that differs. Rows of the embedding beyond the vocabulary are ours alone. */
async function differences(
  ours: Awaited<ReturnType<typeof readGgufTensors>>,
  theirs: typeof ours,
  names: Map<string, string>,
): Promise<string[]> {
  const types = new Map(ours.info.tensors.map(({ name, type }) => [name, type]));
  const result: string[] = [];
  for (const { name, type } of theirs.info.tensors) {
    const ourName = names.get(name) as string;
    const expected = await theirs.bytes(name);
    const actual = (await ours.bytes(ourName)).subarray(0, expected.length);
    if (types.get(ourName) !== type) result.push(`${name}: ${types.get(ourName)}, not ${type}`);
    else if (!actual.equals(expected)) result.push(`${name}: other bytes of ${type}`);
  }
  return result;
}

/** Random importance of every matrix, under the names of both files. */
async function writeImportance(model: string, names: Map<string, string>, ours: string, theirs: string) {
  const { info } = await readGgufTensors(model);
  let state = 7;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 20;
  };
  const entries = new Map<string, ImatrixEntry>();
  for (const { name, ne } of info.tensors) {
    if (ne.length === 2 && !/norm|position_embd/.test(name)) {
      entries.set(name, { sums: Float32Array.from({ length: ne[0] as number }, next), count: 3 });
    }
  }
  await writeImatrix(ours, entries);
  await writeImatrix(theirs, new Map([...names].flatMap(([to, from]) => pick(entries, from, to))));
}

const pick = <T>(entries: Map<string, T>, from: string, to: string): [string, T][] => {
  const entry = entries.get(from);
  return entry === undefined ? [] : [[to, entry]];
};

describe.each(MODELS)('$preset.name', ({ preset, types, weighted }) => {
  const source = randomCheckpoint(preset, 5);
  const path = (name: string) => join(folder, `${preset.name}-${name}.gguf`);
  let names: Map<string, string>;

  beforeAll(async () => {
    await convertCheckpoint({ source, output: path('F32'), type: 'F32' });
    names = await exportTextModel(path('F32'), path('text'));
    await writeImportance(path('F32'), names, path('imatrix'), path('text-imatrix'));
  });

  test.each(types)('%s has the types and bytes of libllama', async (type) => {
    await convertCheckpoint({ source, output: path('ours'), type });
    const theirs = await reference(path('text'), type);
    expect(theirs.info.tensors).toHaveLength(names.size);
    expect(await differences(await readGgufTensors(path('ours')), theirs, names)).toEqual([]);
  });

  test.each(weighted)('%s with an importance matrix, too', async (type) => {
    await convertCheckpoint({ source, output: path('ours'), type, imatrix: path('imatrix') });
    const theirs = await reference(path('text'), type, path('text-imatrix'));
    expect(await differences(await readGgufTensors(path('ours')), theirs, names)).toEqual([]);
  });
});

test('a text model in BF16 becomes the same bytes', async () => {
  const source = randomCheckpoint(MODELS[2]?.preset as Preset, 5);
  const [ours, text] = [join(folder, 'bf16.gguf'), join(folder, 'bf16-text.gguf')];
  await convertCheckpoint({ source, output: ours, type: 'BF16' });
  const names = await exportTextModel(ours, text);
  const theirs = await reference(text, 'Q4_K_M');
  await convertCheckpoint({ source, output: ours, type: 'Q4_K_M' });
  expect(await differences(await readGgufTensors(ours), theirs, names)).toEqual([]);
});
