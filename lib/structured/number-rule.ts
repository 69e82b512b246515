/** Numbers: range and steps. */

import { anyNumber } from './any-json.js';
import { type Bound, decimalBetween } from './decimals.js';
import { choice, type Expression, isNever, literal, repeat, sequence } from './expression.js';
import type { Grammar } from './grammar.js';
import type { NumberRule } from './merged.js';
import { anyInteger, integerBetween, multiplesBetween, naturalBetween } from './numbers.js';
import { refuse } from './refuse.js';

/** Steps with more remainders would need too many rules. */
const MAX_STEP = 200;
const SAFE = Number.MAX_SAFE_INTEGER;

/** @throws InvalidArgumentError for steps that are not worked out */
export function numberExpression(grammar: Grammar, rule: NumberRule, isInteger: boolean): Expression {
  const { pointer, low, high } = rule;
  const step = commonStep(rule, isInteger);
  const isFree = low === undefined && high === undefined;
  if (isFree && step === undefined) return anyNumber(grammar);
  if (isFree && step === 1) return grammar.shared('integer', anyInteger);
  const result = withinRange(grammar, rule, step);
  if (!isNever(result)) return result;
  const text = `${low ? `${low.included ? 'from' : 'above'} ${low.value}` : ''}${high ? ` ${high.included ? 'up to' : 'below'} ${high.value}` : ''}`;
  return grammar.impossible(
    pointer,
    `no number of at most 15 digits is ${text.trim()}${step ? ` in steps of ${step}` : ''}`,
  );
}

function withinRange(grammar: Grammar, { pointer, low, high }: NumberRule, step: number | undefined): Expression {
  if (step === undefined) return decimalBetween(low, high);
  const places = decimalPlaces(step);
  if (places > 0) {
    if (step !== Number(`1e-${places}`)) {
      refuse(pointer, `"multipleOf" ${step} is not enforced: use a power of ten (0.1, 0.01, 10) or a small integer`);
    }
    return decimalBetween(low, high, places);
  }
  let zeros = 0;
  while (step % 10 ** (zeros + 1) === 0) zeros++;
  const ten = 10 ** zeros;
  const rest = step / ten;
  const from = Math.ceil(lowestInteger(low) / ten) || 0;
  const to = Math.floor(highestInteger(high) / ten) || 0;
  if (from > to) return choice();
  if (rest === 1) return followedByZeros(from, to, zeros);
  if (rest > MAX_STEP)
    refuse(pointer, `"multipleOf" ${step} is not enforced: use a power of ten or at most ${MAX_STEP}`);
  const define = (body: Expression) => grammar.define('multiple', pointer, body);
  const end = literal('0'.repeat(zeros));
  const multiples = (a: number, b: number) => (a > b ? choice() : multiplesBetween(a, b, rest, define));
  const zero = from <= 0 && to >= 0 ? literal('0') : choice();
  return choice(
    sequence(multiples(from, Math.min(to, -1)), end),
    zero,
    sequence(multiples(Math.max(from, 1), to), end),
  );
}

function followedByZeros(from: number, to: number, zeros: number): Expression {
  if (zeros === 0) return integerBetween(from, to);
  const end = repeat(literal('0'), zeros, zeros);
  const negative = from < 0 ? sequence(literal('-'), naturalBetween(Math.max(1, -to), -from), end) : choice();
  const zero = from <= 0 && to >= 0 ? literal('0') : choice();
  return choice(negative, zero, to > 0 ? sequence(naturalBetween(Math.max(1, from), to), end) : choice());
}

/** Integers are written up to what a double holds exactly. */
function lowestInteger(low: Bound | undefined): number {
  if (!low) return -(10 ** 15 - 1);
  const value = Math.ceil(low.value);
  return Math.max(-SAFE, value === low.value && !low.included ? value + 1 : value);
}

function highestInteger(high: Bound | undefined): number {
  if (!high) return 10 ** 15 - 1;
  const value = Math.floor(high.value);
  return Math.min(SAFE, value === high.value && !high.included ? value - 1 : value);
}

/** One step in place of several. */
function commonStep({ pointer, steps }: NumberRule, isInteger: boolean): number | undefined {
  let common: number | undefined;
  for (const step of isInteger ? [...steps, 1] : steps) {
    if (common === undefined || isMultiple(step, common)) common = step;
    else if (Number.isInteger(step) && Number.isInteger(common)) common = (step / divisor(step, common)) * common;
    else if (!isMultiple(common, step))
      refuse(pointer, `"multipleOf" ${step} and ${common} together are not enforced: give one`);
  }
  if (common !== undefined && common > SAFE) refuse(pointer, `"multipleOf" ${common} is too large: at most ${SAFE}`);
  return common;
}

/** Whether one number is a multiple of the other, as decimals. */
export function isMultiple(step: number, of: number): boolean {
  const scale = 10 ** Math.max(decimalPlaces(step), decimalPlaces(of));
  return Math.round(step * scale) % Math.round(of * scale) === 0;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** Digits after the point of the shortest decimal. */
function decimalPlaces(value: number): number {
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  return Math.max(0, (mantissa.split('.')[1]?.length ?? 0) - Number(exponent));
}
