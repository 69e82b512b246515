import { expect, test } from 'vitest';
import { CONVERSION_TYPES, needsMoreBits, storedType } from '../../lib/convert/types.js';

const layers = (count: number) =>
  Array.from({ length: count }, (_, index) => index).filter((index) => needsMoreBits({ index, count }));

test('the layers with more bits are the first and last eighth and every third between', () => {
  expect(layers(32)).toEqual([0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]);
  expect(layers(35)).toEqual([0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 31, 32, 33, 34]);
});

test.each([
  ['vector', ['F32', 'F32', 'F32', 'F32', 'F32']],
  ['table', ['F32', 'BF16', 'BF16', 'BF16', 'BF16']],
  ['patch kernel', ['F32', 'BF16', 'BF16', 'BF16', 'BF16']],
  ['vision matrix', ['F32', 'BF16', 'BF16', 'Q8_0', 'Q8_0']],
  ['embedding', ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_K']],
  ['head', ['F32', 'F16', 'BF16', 'Q8_0', 'Q6_K']],
  ['cross output', ['F32', 'F16', 'BF16', 'Q8_0', 'Q6_K']],
  ['text matrix', ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_K']],
] as const)('%s is stored as %j', (role, expected) => {
  expect(CONVERSION_TYPES.map((type) => storedType(role, type, 4096))).toEqual(expected);
});

test('nothing of the vision tower is ever F16', () => {
  for (const role of ['table', 'patch kernel', 'vision matrix'] as const) {
    expect(CONVERSION_TYPES.map((type) => storedType(role, type, 1280))).not.toContain('F16');
  }
});

test('values and down projections get more bits on their layers, and only in Q4_K_M', () => {
  for (const role of ['attention value', 'feed-forward down'] as const) {
    expect(storedType(role, 'Q4_K_M', 4096, { index: 0, count: 32 })).toBe('Q6_K');
    expect(storedType(role, 'Q4_K_M', 4096, { index: 4, count: 32 })).toBe('Q4_K');
    expect(storedType(role, 'Q8_0', 4096, { index: 0, count: 32 })).toBe('Q8_0');
  }
  expect(storedType('text matrix', 'Q4_K_M', 4096, { index: 0, count: 32 })).toBe('Q4_K');
});

test.each([
  ['text matrix', 'Q4_K_M', 96, 'Q5_0'],
  ['head', 'Q4_K_M', 96, 'Q8_0'],
  ['text matrix', 'Q4_K_M', 100, 'BF16'],
  ['head', 'Q4_K_M', 100, 'BF16'],
  ['vision matrix', 'Q8_0', 40, 'BF16'],
] as const)('%s in %s with rows of %d falls back to %s', (role, type, rowLength, expected) => {
  expect(storedType(role, type, rowLength)).toBe(expected);
});
