/** JSON without a schema. */

import { charsOf } from './char-set.js';
import { chars, choice, type Expression, literal, optional, repeat, sequence } from './expression.js';
import type { Grammar } from './grammar.js';
import { anyJsonChar, GAP } from './json-text.js';
import { keyOtherThan } from './keys.js';
import { DIGIT, INTEGER_DIGITS, NONZERO } from './numbers.js';

export function gap(grammar: Grammar): Expression {
  return grammar.shared('gap', () => GAP);
}

export function anyValue(grammar: Grammar): Expression {
  return grammar.shared('value', () =>
    choice(
      anyObject(grammar),
      anyArray(grammar),
      anyString(grammar),
      anyNumber(grammar),
      boolean(grammar),
      literal('null'),
    ),
  );
}

export function boolean(grammar: Grammar): Expression {
  return grammar.shared('boolean', () => choice(literal('true'), literal('false')));
}

export function anyString(grammar: Grammar): Expression {
  const char = () => grammar.shared('char', () => anyJsonChar(false));
  return grammar.shared('string', () =>
    sequence(literal('"'), repeat(char(), 0, Number.POSITIVE_INFINITY), literal('"')),
  );
}

/** "-0.5" too, which no integer begins. At most 15 digits before the point and an exponent of two, so that every number is finite. */
export function anyNumber(grammar: Grammar): Expression {
  const fraction = optional(sequence(literal('.'), repeat(DIGIT, 1, 15)));
  const exponent = optional(sequence(chars(charsOf('eE')), optional(chars(charsOf('+-'))), repeat(DIGIT, 1, 2)));
  const whole = choice(literal('0'), sequence(NONZERO, repeat(DIGIT, 0, INTEGER_DIGITS - 1)));
  return grammar.shared('number', () => sequence(optional(literal('-')), whole, fraction, exponent));
}

export function anyArray(grammar: Grammar): Expression {
  return grammar.shared('array', () => list(grammar, '[', anyValue(grammar), ']'));
}

/** Keys in any order. The key `__proto__` is never written: what reads the answer may copy it into an object. */
export function anyObject(grammar: Grammar): Expression {
  return grammar.shared('object', () => list(grammar, '{', freeProperty(grammar, [], anyValue(grammar)), '}'));
}

/** A property with a key that is none of `names`. */
export function freeProperty(grammar: Grammar, names: Iterable<string>, value: Expression): Expression {
  return sequence(keyOtherThan(grammar, [...names, '__proto__']), literal(':'), optional(literal(' ')), value);
}

function list(grammar: Grammar, open: string, item: Expression, end: string): Expression {
  const more = repeat(sequence(literal(','), gap(grammar), item), 0, Number.POSITIVE_INFINITY);
  const inner = sequence(gap(grammar), item, more, gap(grammar));
  return sequence(literal(open), optional(inner), literal(end));
}
