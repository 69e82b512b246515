import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Checkpoint, openCheckpoint } from '../../lib/convert/checkpoint.js';
import { readHyperParameters } from '../../lib/convert/hyper-parameters.js';
import { storedType, type TensorRole } from '../../lib/convert/mix.js';
import { planTensors } from '../../lib/convert/plan.js';
import type { MixFacts } from '../../lib/convert/text-mix.js';
import { CONVERSION_TYPES, type ConversionType, isQuantized, type StoredType } from '../../lib/convert/types.js';
import { randomCheckpoint } from '../../scripts/random-checkpoint/checkpoint.mjs';
import { PRESETS } from '../../scripts/random-checkpoint/presets.mjs';

const facts = (type: ConversionType, more: Partial<MixFacts> = {}): MixFacts => ({
  ...{ type, selfLayers: 32, groupSize: 4, weighted: false },
  ...more,
});
const typeOf = (role: TensorRole, type: ConversionType, rowLength = 4096, index = 4) =>
  storedType(role, facts(type), rowLength, { index, count: 32 });

test.each([
  ['vector', ['F32', 'F32', 'F32', 'F32', 'F32', 'F32']],
  ['table', ['F32', 'BF16', 'BF16', 'BF16', 'BF16', 'BF16']],
  ['patch kernel', ['F32', 'BF16', 'BF16', 'BF16', 'BF16', 'BF16']],
  ['vision matrix', ['F32', 'BF16', 'BF16', 'Q8_0', 'Q8_0', 'Q6_K']],
  ['vision down', ['F32', 'BF16', 'BF16', 'Q8_0', 'Q8_0', 'Q8_0']],
  ['projector', ['F32', 'BF16', 'BF16', 'Q8_0', 'Q8_0', 'Q8_0']],
  ['cross value', ['F32', 'F16', 'BF16', 'Q8_0', 'Q6_K', 'Q4_K']],
  ['cross output', ['F32', 'F16', 'BF16', 'Q8_0', 'Q6_K', 'Q4_K']],
  ['cross matrix', ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_K', 'Q2_K']],
] as const)('%s is stored as %j', (role, expected) => {
  const types = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_K_M', 'Q2_K'] as const;
  expect(types.map((type) => typeOf(role, type))).toEqual(expected);
});

test('nothing of the vision tower is ever F16, whatever its rows', () => {
  for (const role of ['table', 'patch kernel', 'vision matrix', 'vision down', 'projector'] as const) {
    for (const rowLength of [1280, 96, 100]) {
      expect(CONVERSION_TYPES.map((type) => typeOf(role, type, rowLength))).not.toContain('F16');
    }
  }
});

/** Bits per weight. */
const BITS: Record<StoredType, number> = {
  ...{ F32: 32, F16: 16, BF16: 16, Q8_0: 8.5, Q6_K: 6.5625, Q5_K: 5.5, Q5_1: 6, Q5_0: 5.5, Q4_K: 4.5, Q4_1: 5 },
  ...{ Q4_0: 4.5, IQ4_NL: 4.5, IQ4_XS: 4.25, Q3_K: 3.4375, Q2_K: 2.625 },
};

test('what a picture says to the text has more bits than the other matrices of the cross layers', () => {
  for (const type of CONVERSION_TYPES) {
    const [matrix, output] = [typeOf('cross matrix', type), typeOf('cross output', type)];
    const isHighest = !isQuantized(matrix) || matrix === 'Q8_0';
    expect(BITS[output] - BITS[matrix], type).toSatisfy((more: number) => (isHighest ? more === 0 : more > 0));
  }
});

test.each([
  ['vision matrix', 'Q8_0', 40, 'BF16'],
  ['vision matrix', 'Q3_K_M', 96, 'Q8_0'],
  ['cross output', 'Q4_K_M', 96, 'Q8_0'],
  ['cross output', 'Q4_K_M', 100, 'F16'],
  ['cross down', 'Q2_K', 96, 'Q4_0'],
] as const)('%s in %s with rows of %d falls back to %s', (role, type, rowLength, expected) => {
  expect(typeOf(role, type, rowLength)).toBe(expected);
});

describe('the language model of AICA-5B', () => {
  let checkpoint: Checkpoint;
  let bytes: (type: ConversionType) => number;
  beforeAll(async () => {
    checkpoint = await openCheckpoint(randomCheckpoint(PRESETS['aica-5b'], 1)); // shapes alone: no weight is made
    const hp = readHyperParameters(checkpoint, 'entering');
    bytes = (type) =>
      planTensors(checkpoint.tensors.tensors, hp, { type, weighted: false })
        .filter(({ name }) => !/^(v|mm)\./.test(name))
        .reduce((sum, { ne, type: stored }) => sum + (ne.reduce((product, n) => product * n, 1) * BITS[stored]) / 8, 0);
  });
  afterAll(() => checkpoint.close());

  test('takes 2.649 GB in Q4_K_M, within two percent', () => {
    expect(Math.abs(bytes('Q4_K_M') / 2.649e9 - 1)).toBeLessThan(0.02);
  });

  test.each(['Q5_K', 'Q4_K', 'Q3_K', 'Q2_K'])('takes less in a mix of %s with fewer exceptions', (base) => {
    const sizes = CONVERSION_TYPES.filter((type) => type.startsWith(base)).map(bytes);
    expect(sizes.length).toBeGreaterThan(1);
    expect(sizes).toEqual([...new Set(sizes)].sort((x, y) => y - x));
  });
});
