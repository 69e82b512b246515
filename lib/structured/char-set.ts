/** Sets of code points: sorted ranges, both ends included, that neither touch nor overlap. Surrogates are in none. */

export type CharSet = readonly (readonly [first: number, last: number])[];

export const LAST_CODE_POINT = 0x10ffff;
/** Everything that a UTF-8 text can hold. */
export const ANY_CHAR: CharSet = [
  [0, 0xd7ff],
  [0xe000, LAST_CODE_POINT],
];
export const BMP_CHAR: CharSet = [
  [0, 0xd7ff],
  [0xe000, 0xffff],
];

export function charSet(ranges: Iterable<readonly [number, number]>): CharSet {
  return intersect(merged(ranges), ANY_CHAR);
}

/** The characters of a text. */
export function charsOf(text: string): CharSet {
  return charSet(Array.from(text, (char) => codePair(char.codePointAt(0) as number)));
}

const codePair = (code: number): [number, number] => [code, code];

export function union(...sets: CharSet[]): CharSet {
  return merged(sets.flat());
}

export function complement(set: CharSet): CharSet {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [first, last] of set) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST_CODE_POINT) gaps.push([next, LAST_CODE_POINT]);
  return intersect(gaps, ANY_CHAR);
}

export function intersect(a: CharSet, b: CharSet): CharSet {
  const both: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [firstA, lastA] = a[i] as [number, number];
    const [firstB, lastB] = b[j] as [number, number];
    const first = Math.max(firstA, firstB);
    const last = Math.min(lastA, lastB);
    if (first <= last) both.push([first, last]);
    if (lastA < lastB) i++;
    else j++;
  }
  return both;
}

export function isSubset(a: CharSet, b: CharSet): boolean {
  return intersect(a, complement(b)).length === 0;
}

export function contains(set: CharSet, code: number): boolean {
  return set.some(([first, last]) => first <= code && code <= last);
}

function merged(ranges: Iterable<readonly [number, number]>): CharSet {
  const result: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const previous = result.at(-1);
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else if (first <= last) result.push([first, last]);
  }
  return result;
}
