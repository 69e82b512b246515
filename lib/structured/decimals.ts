/**
 * Numbers with a fraction in a range. At most 15 digits are written: two such decimals are never the same double, and
 * rounding keeps their order, so what is in the range as text is in the range as a value, bounds included or not.
 */

import { choice, EMPTY, type Expression, isEmpty, literal, NEVER, optional, repeat, sequence } from './expression.js';
import { DIGIT, digitRange, INTEGER_DIGITS, naturalBetween } from './numbers.js';

export interface Bound {
  value: number;
  /** The value itself is allowed. */
  included: boolean;
}

/** Integers have so many digits when digits follow the point (which then are as many as are usual for sums). */
const BEFORE_POINT = 9;
const AFTER_POINT = 6;
const LARGEST = 10 ** INTEGER_DIGITS - 1;
const FREE: Bound = { value: LARGEST, included: true };

/** @param places digits after the point at most */
export function decimalBetween(low: Bound | undefined, high: Bound | undefined, places = INTEGER_DIGITS): Expression {
  const least = low ?? { ...FREE, value: -LARGEST };
  const most = high ?? FREE;
  const mirrored = (bound: Bound): Bound => ({ ...bound, value: -bound.value });
  const aboveZero = (bound: Bound): Bound => (bound.value > 0 ? bound : { value: 0, included: false });
  const fromZero = (bound: Bound): Bound => (bound.value >= 0 ? bound : { value: 0, included: true });
  const negative =
    least.value < 0 ? sequence(literal('-'), magnitude(aboveZero(mirrored(most)), mirrored(least), places)) : NEVER;
  return choice(negative, most.value >= 0 ? magnitude(fromZero(least), most, places) : NEVER);
}

/** From 0 up. */
function magnitude(low: Bound, high: Bound, places: number): Expression {
  if (low.value > LARGEST || low.value > high.value) return NEVER;
  const from = decimalDigits(low.value);
  const to = high.value > LARGEST ? { whole: LARGEST, fraction: '' } : decimalDigits(high.value);
  const upper = { digits: to.fraction, included: high.included || high.value > LARGEST };
  const lower = { digits: from.fraction, included: low.included };
  const edge = (whole: number, min?: FractionBound, max?: FractionBound): Expression => {
    const room = Math.min(places, INTEGER_DIGITS - String(whole).length);
    return sequence(literal(String(whole)), fraction(min, max, room));
  };
  if (from.whole === to.whole) return edge(from.whole, lower, upper);
  const usual = Math.min(places, AFTER_POINT);
  const point = usual > 0 ? optional(sequence(literal('.'), repeat(DIGIT, 1, usual))) : EMPTY;
  const small = 10 ** BEFORE_POINT - 1;
  return choice(
    edge(from.whole, lower, undefined),
    sequence(naturalBetween(from.whole + 1, Math.min(to.whole - 1, small)), point),
    naturalBetween(Math.max(from.whole, small) + 1, to.whole - 1),
    edge(to.whole, undefined, upper),
  );
}

interface FractionBound {
  /** After the point, without zeros at the end. */
  digits: string;
  included: boolean;
}

/** The shortest decimal that names the double. */
function decimalDigits(value: number): { whole: number; fraction: string } {
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const point = 1 + Number(exponent);
  const all = mantissa.replace('.', '');
  const padded = point > 0 ? all.padEnd(point, '0') : '0'.repeat(1 - point) + all;
  const cut = Math.max(1, point);
  return { whole: Number(padded.slice(0, cut)), fraction: padded.slice(cut).replace(/0+$/, '') };
}

/** A point with up to `places` digits, or nothing, within the bounds. */
function fraction(low: FractionBound | undefined, high: FractionBound | undefined, places: number): Expression {
  const rest = moreDigits(low, high, places);
  return choice(...(isZeroWithin(low, high) ? [EMPTY] : []), sequence(literal('.'), rest));
}

function isZeroWithin(low: FractionBound | undefined, high: FractionBound | undefined): boolean {
  const aboveLow = low === undefined || (low.digits === '' && low.included);
  return aboveLow && (high === undefined || high.digits !== '' || high.included);
}

/** One digit or more. */
function moreDigits(low: FractionBound | undefined, high: FractionBound | undefined, places: number): Expression {
  if (places === 0 || (high && high.digits === '' && !high.included)) return NEVER;
  const least = low && !(low.digits === '' && low.included) ? low : undefined;
  if (!least && !high) return repeat(DIGIT, 1, places);
  const first = least ? Number(least.digits[0] ?? 0) : 0;
  const last = high ? Number(high.digits[0] ?? 0) : 9;
  const after = (bound: FractionBound | undefined): FractionBound | undefined =>
    bound && { ...bound, digits: bound.digits.slice(1) };
  const options: Expression[] = [];
  const add = (from: number, to: number, min?: FractionBound, max?: FractionBound): void => {
    if (from > to) return;
    const rest = moreDigits(min, max, places - 1);
    const end = isZeroWithin(min, max) ? [EMPTY] : [];
    const digit = digitRange(from, to);
    options.push(sequence(digit, choice(...end, rest)));
  };
  if (first === last) add(first, first, after(least), after(high));
  else {
    if (least) add(first, first, after(least), undefined);
    add(least ? first + 1 : 0, high ? last - 1 : 9, undefined, undefined);
    if (high) add(last, last, undefined, after(high));
  }
  return choice(...options.filter((option) => !isEmpty(option)));
}
