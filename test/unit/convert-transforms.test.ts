import { expect, test } from 'vitest';
import { pairNeighbours, ropeFactors, separateIntermediates } from '../../lib/convert/transforms.js';

const bytes = (values: ArrayLike<number>, type: typeof Float32Array | typeof Uint16Array = Float32Array) =>
  new Uint8Array(type.from(values as number[]).buffer);

test('rows of a head go from halves to neighbours, head by head', () => {
  const rows = bytes([0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]); // two heads of six rows of one element
  const result = pairNeighbours(6).apply(rows, 4, 4);
  expect([...new Float32Array(result.buffer)]).toEqual([0, 3, 1, 4, 2, 5, 10, 13, 11, 14, 12, 15]);
});

test.each([
  ['4', Float32Array],
  ['2', Uint16Array],
] as const)('interleaved columns of %s bytes become blocks, row by row', (_, type) => {
  const width = 2;
  const count = 3;
  // per row: final 0 1, then d0k0 d0k1 d0k2 d1k0 d1k1 d1k2, written as 10 * (k + 1) + d
  const row = [0, 1, 10, 20, 30, 11, 21, 31];
  const piece = bytes([...row, ...row.map((n) => n + 100)], type);
  const result = separateIntermediates(width, count).apply(
    piece,
    row.length * type.BYTES_PER_ELEMENT,
    type.BYTES_PER_ELEMENT,
  );
  const expected = [0, 1, 10, 11, 20, 21, 30, 31];
  expect([...new type(result.slice().buffer)]).toEqual([...expected, ...expected.map((n) => n + 100)]);
});

test('bytes that do not lie aligned are moved as well', () => {
  const shifted = new Uint8Array(33);
  shifted.set(bytes([0, 1, 10, 20, 30, 11, 21, 31]), 1);
  const result = separateIntermediates(2, 3).apply(shifted.subarray(1), 32, 4);
  expect([...new Float32Array(result.slice().buffer)]).toEqual([0, 1, 10, 11, 20, 21, 30, 31]);
});

test('llama3 scaling gives the published factors', () => {
  const scaling = { lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192 };
  const by8 = ropeFactors(500000, 128, { ...scaling, factor: 8 });
  const by32 = ropeFactors(500000, 128, { ...scaling, factor: 32 });
  expect(by8).toHaveLength(64);
  expect([...by8.slice(0, 29)]).toEqual(Array(29).fill(1));
  const middle8 = [1.2074839, 1.5534146, 2.0263132, 2.6945297, 3.6842525, 5.2573266];
  const middle32 = [1.234937, 1.6513292, 2.2766595, 3.2922621, 5.1715956, 9.666729];
  middle8.forEach((factor, i) => {
    expect(by8[29 + i]).toBeCloseTo(factor, 6);
  });
  middle32.forEach((factor, i) => {
    expect(by32[29 + i]).toBeCloseTo(factor, 6);
  });
  expect([...by8.slice(35)]).toEqual(Array(29).fill(8));
  expect([...by32.slice(35)]).toEqual(Array(29).fill(32));
});
