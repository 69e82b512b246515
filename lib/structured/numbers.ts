/** Integers and numbers in a range, digit by digit, without a value outside. */

import { charsOf } from './char-set.js';
import { chars, choice, type Expression, literal, NEVER, optional, repeat, sequence } from './expression.js';

export const DIGIT: Expression = chars(charsOf('0123456789'));
export const NONZERO: Expression = chars(charsOf('123456789'));

/** Digits of an integer without bounds: exact in a double, whatever they are. */
export const INTEGER_DIGITS = 15;

export function anyInteger(): Expression {
  const natural = sequence(NONZERO, repeat(DIGIT, 0, INTEGER_DIGITS - 1));
  return choice(literal('0'), sequence(optional(literal('-')), natural));
}

/** Safe integers from `low` to `high`. */
export function integerBetween(low: number, high: number): Expression {
  const negative = low < 0 ? sequence(literal('-'), naturalBetween(Math.max(1, -high), -low)) : NEVER;
  return choice(negative, high >= 0 ? naturalBetween(Math.max(0, low), high) : NEVER);
}

/** Integers from `low` (at least 0) to `high`. */
export function naturalBetween(low: number, high: number): Expression {
  if (low > high) return NEVER;
  const options: Expression[] = [];
  if (low === 0) options.push(literal('0'));
  const first = Math.max(1, low);
  let [fullFrom, fullTo] = [0, -1];
  for (let length = digits(first); first <= high && length <= digits(high); length++) {
    const from = Math.max(first, 10 ** (length - 1));
    const to = Math.min(high, 10 ** length - 1);
    if (from === 10 ** (length - 1) && to === 10 ** length - 1) {
      if (fullTo < 0) fullFrom = length;
      fullTo = length;
    } else options.push(sameLength(String(from), String(to)));
  }
  if (fullTo >= 0) options.push(sequence(NONZERO, repeat(DIGIT, fullFrom - 1, fullTo - 1)));
  return choice(...options);
}

const digits = (value: number): number => String(value).length;

/** Digit strings of one length from `low` to `high`. */
function sameLength(low: string, high: string): Expression {
  if (/^0*$/.test(low) && /^9*$/.test(high)) return repeat(DIGIT, low.length, low.length);
  let from = Number(low[0]);
  let to = Number(high[0]);
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (from === to) return sequence(literal(low[0] as string), sameLength(lowRest, highRest));
  const options: Expression[] = [];
  if (/[^0]/.test(lowRest)) {
    options.push(sequence(digitRange(from, from), sameLength(lowRest, '9'.repeat(lowRest.length))));
    from++;
  }
  if (/[^9]/.test(highRest)) {
    options.push(sequence(digitRange(to, to), sameLength('0'.repeat(highRest.length), highRest)));
    to--;
  }
  if (from <= to) options.push(sequence(digitRange(from, to), repeat(DIGIT, lowRest.length, lowRest.length)));
  return choice(...options);
}

export function digitRange(from: number, to: number): Expression {
  return chars([[0x30 + from, 0x30 + to]]);
}

/** Multiples of a small `step` from `low` to `high`, both safe integers; by the remainder of the digits so far. */
export function multiplesBetween(
  low: number,
  high: number,
  step: number,
  define: (body: Expression) => Expression,
): Expression {
  const free = new Map<string, Expression>();
  /** `count` more digits that bring the remainder to 0. */
  const anyDigits = (count: number, remainder: number): Expression => {
    if (count === 0) return remainder === 0 ? literal('') : NEVER;
    const key = `${count},${remainder}`;
    const known = free.get(key);
    if (known) return known;
    const rule = define(eachDigit(0, 9, (digit) => anyDigits(count - 1, (remainder * 10 + digit) % step)));
    free.set(key, rule);
    return rule;
  };
  /** The same within bounds of that many digits; an empty bound holds no longer. */
  const within = (from: string, to: string, count: number, remainder: number): Expression => {
    if (count === 0 || (from === '' && to === '')) return anyDigits(count, remainder);
    const [first, last] = [Number(from[0] ?? 0), Number(to[0] ?? 9)];
    return eachDigit(first, last, (digit) =>
      within(
        from !== '' && digit === first ? from.slice(1) : '',
        to !== '' && digit === last ? to.slice(1) : '',
        count - 1,
        (remainder * 10 + digit) % step,
      ),
    );
  };
  const natural = (from: number, to: number): Expression => {
    const options = from === 0 ? [literal('0')] : [];
    for (let length = digits(Math.max(1, from)); length <= digits(to); length++) {
      const [first, last] = [Math.max(1, from, 10 ** (length - 1)), Math.min(to, 10 ** length - 1)];
      if (first <= last) options.push(within(String(first), String(last), length, 0));
    }
    return choice(...options);
  };
  const negative = low < 0 ? sequence(literal('-'), natural(Math.max(1, -high), -low)) : NEVER;
  return choice(negative, high >= 0 ? natural(Math.max(0, low), high) : NEVER);
}

function eachDigit(from: number, to: number, rest: (digit: number) => Expression): Expression {
  const options: Expression[] = [];
  for (let digit = from; digit <= to; digit++) options.push(sequence(literal(String(digit)), rest(digit)));
  return choice(...options);
}
