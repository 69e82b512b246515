/** The right side of a grammar rule as a tree, made by functions that keep it small. */

import type { CharSet } from './char-set.js';

export type Expression =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'chars'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly body: Expression; readonly min: number; readonly max: number }
  | { readonly kind: 'rule'; readonly name: string };

/** No text at all can follow: what needs it is impossible. */
export const NEVER: Expression = { kind: 'choice', options: [] };
/** The empty text. */
export const EMPTY: Expression = { kind: 'sequence', parts: [] };

/** What the grammar engine counts to. */
export const MAX_REPETITION = 1_000_000;

export const isNever = (expression: Expression): boolean =>
  expression.kind === 'choice' && expression.options.length === 0;
export const isEmpty = (expression: Expression): boolean =>
  expression.kind === 'sequence' && expression.parts.length === 0;

export function literal(text: string): Expression {
  return text === '' ? EMPTY : { kind: 'literal', text };
}

export function chars(set: CharSet): Expression {
  const [range] = set;
  if (!range) return NEVER;
  const isOne = set.length === 1 && range[0] === range[1];
  return isOne ? literal(String.fromCodePoint(range[0])) : { kind: 'chars', set };
}

export function sequence(...given: Expression[]): Expression {
  const parts: Expression[] = [];
  const add = (part: Expression): void => {
    const previous = parts.at(-1);
    if (part.kind === 'literal' && previous?.kind === 'literal') {
      parts[parts.length - 1] = literal(previous.text + part.text);
    } else parts.push(part);
  };
  for (const part of given) {
    if (isNever(part)) return NEVER;
    if (part.kind === 'sequence') for (const each of part.parts) add(each);
    else add(part);
  }
  return parts.length === 1 ? (parts[0] as Expression) : { kind: 'sequence', parts };
}

export function choice(...given: Expression[]): Expression {
  const options = given.flatMap((each) => (each.kind === 'choice' ? each.options : [each]));
  return options.length === 1 ? (options[0] as Expression) : { kind: 'choice', options };
}

export function optional(body: Expression): Expression {
  return repeat(body, 0, 1);
}

/** @param max `Infinity` for no end */
export function repeat(body: Expression, min: number, max: number): Expression {
  if (max < min) return NEVER;
  if (max === 0 || isEmpty(body)) return EMPTY;
  if (isNever(body)) return min === 0 ? EMPTY : NEVER;
  return min === 1 && max === 1 ? body : { kind: 'repeat', body, min, max };
}
