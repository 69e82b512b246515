/** A regular expression as a tree. Everything matches whole texts; `anchors.ts` has turned "somewhere in it" into that. */

import type { CharSet } from './char-set.js';

export type Pattern =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'choice'; readonly options: readonly Pattern[] }
  | { readonly kind: 'repeat'; readonly body: Pattern; readonly min: number; readonly max: number };

/** What the parser gives: with anchors and lookahead still in it. */
export type ParsedPattern =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly parts: readonly ParsedPattern[] }
  | { readonly kind: 'choice'; readonly options: readonly ParsedPattern[] }
  | { readonly kind: 'repeat'; readonly body: ParsedPattern; readonly min: number; readonly max: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'lookahead'; readonly negated: boolean; readonly body: ParsedPattern };

/** Why a pattern cannot be used; the caller adds where it stands. */
export class PatternProblem extends Error {}

export interface LengthRange {
  min: number;
  max: number;
}

/** The lengths of the texts that match, in code points. */
export function lengthRange(pattern: Pattern): LengthRange {
  if (pattern.kind === 'set') return { min: 1, max: 1 };
  if (pattern.kind === 'repeat') {
    const { min, max } = lengthRange(pattern.body);
    return { min: min * pattern.min, max: max === 0 || pattern.max === 0 ? 0 : max * pattern.max };
  }
  const ranges = (pattern.kind === 'sequence' ? pattern.parts : pattern.options).map(lengthRange);
  if (pattern.kind === 'choice') {
    return {
      min: Math.min(...ranges.map((range) => range.min)),
      max: Math.max(0, ...ranges.map((range) => range.max)),
    };
  }
  return ranges.reduce((sum, range) => ({ min: sum.min + range.min, max: sum.max + range.max }), { min: 0, max: 0 });
}

/** The sets of characters that it is made of. */
export function setsOf(pattern: Pattern): CharSet[] {
  if (pattern.kind === 'set') return [pattern.set];
  if (pattern.kind === 'repeat') return setsOf(pattern.body);
  return (pattern.kind === 'sequence' ? pattern.parts : pattern.options).flatMap(setsOf);
}
