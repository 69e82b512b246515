/** The characters of `\d`, `\w`, `\s`, `\p{…}` and their opposites. Properties are asked of this runtime's own Unicode. */

import { type CharSet, charSet, charsOf, complement } from './char-set.js';

const CHUNK = 0x2000;
const KEPT = 32;

/** Where properties change from one character to the next. */
const DENSE: CharSet = [
  [0, 0xd7ff],
  [0xe000, 0x3ffff],
  [0xe0000, 0xe0fff],
];
/** Characters without a meaning that share all properties: unassigned planes, planes for private use, noncharacters. */
const UNIFORM: CharSet = Array.from({ length: 13 }, (_, i) => (4 + i) << 16).flatMap((plane) => [
  [plane === 0xe0000 ? 0xe1000 : plane, plane + 0xfffd] as const,
  [plane + 0xfffe, plane + 0xffff] as const,
]);

/** The characters of `DENSE` in order, made when first needed (1 MB). */
let everyChar: string | undefined;
const known = new Map<string, CharSet>();

const DIGITS: CharSet = [[0x30, 0x39]];
const WORDS = charSet([...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]);
const SPACES = charSet([...charsOf('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'), [0x2000, 0x200a]]);
const FIXED = new Map<string, CharSet>([
  ...([
    ['\\d', DIGITS],
    ['\\w', WORDS],
    ['\\s', SPACES],
  ] as const),
  ...([
    ['\\D', complement(DIGITS)],
    ['\\W', complement(WORDS)],
    ['\\S', complement(SPACES)],
  ] as const),
]);

/** @param name a class escape that is valid with the flag u */
export function classEscape(name: string): CharSet {
  const fixed = FIXED.get(name);
  if (fixed) return fixed;
  const set = known.get(name) ?? find(name);
  known.delete(name);
  known.set(name, set);
  for (const [oldest] of known) if (known.size > KEPT) known.delete(oldest);
  return set;
}

function find(name: string): CharSet {
  everyChar ??= Array.from(DENSE, ([first, last]) => charsBetween(first, last)).join('');
  const ranges: (readonly [number, number])[] = [];
  for (const { index, 0: run } of everyChar.matchAll(new RegExp(`${name}+`, 'gu'))) {
    ranges.push([codeAt(index), codeAt(index + run.length - 1)]);
  }
  const one = new RegExp(name, 'u');
  return charSet([...ranges, ...UNIFORM.filter(([first]) => one.test(String.fromCodePoint(first)))]);
}

function charsBetween(first: number, last: number): string {
  const parts: string[] = [];
  for (let start = first; start <= last; start += CHUNK) {
    const count = Math.min(CHUNK, last + 1 - start);
    parts.push(String.fromCodePoint(...Array.from({ length: count }, (_, i) => start + i)));
  }
  return parts.join('');
}

/** The code point whose unit stands at `index` of `everyChar`. */
function codeAt(index: number): number {
  const code = (everyChar as string).codePointAt(index) as number;
  // The second unit of a pair: the end of a run.
  return code >= 0xdc00 && code <= 0xdfff ? ((everyChar as string).codePointAt(index - 1) as number) : code;
}
