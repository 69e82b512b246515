/** Characters and values as JSON writes them. */

import { ANY_CHAR, BMP_CHAR, type CharSet, charsOf, complement, contains, intersect, isSubset } from './char-set.js';
import { chars, choice, type Expression, literal, optional, repeat, sequence } from './expression.js';
import type { JsonValue } from './plain-copy.js';
import { isArray, isMap } from './schema-document.js';

const CONTROLS: CharSet = [[0, 0x1f]];
/** Characters that stand for themselves in a JSON string. */
const RAW = intersect(complement(CONTROLS), complement(charsOf('"\\')));
const HEX = charsOf('0123456789abcdefABCDEF');

/** One space after ":" at most. */
export const SPACE = optional(literal(' '));

/**
 * Between the parts of an object or array: nothing, a space, or a new line with indentation. All that `JSON.stringify`
 * writes and models are used to; bounded, because white space is where a model that is lost runs on for ever.
 */
export const GAP = optional(
  choice(
    literal(' '),
    sequence(literal('\n'), optional(choice(repeat(literal(' '), 1, 32), repeat(literal('\t'), 1, 16)))),
  ),
);

/**
 * One character of a set inside a JSON string. Characters are written as `JSON.stringify` writes them: as they are, and
 * escaped only where they must be.
 */
export function jsonChars(set: CharSet): Expression {
  const raw = chars(intersect(set, RAW));
  const controls = intersect(set, CONTROLS);
  const special = Array.from('"\\\b\f\n\r\t').filter((char) => contains(set, char.charCodeAt(0)));
  const escaped = special.map((char) => literal(JSON.stringify(char).slice(1, -1)));
  if (isSubset(CONTROLS, set)) {
    return choice(
      raw,
      ...escaped,
      sequence(literal('\\u00'), chars(charsOf('01')), chars(charsOf('0123456789abcdef'))),
    );
  }
  const rest = controls.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
  const codes = rest.filter((code) => !special.includes(String.fromCharCode(code)));
  return choice(raw, ...escaped, ...codes.map((code) => literal(`\\u${code.toString(16).padStart(4, '0')}`)));
}

/**
 * Any character inside a JSON string with every escape that JSON knows. A pair of surrogate escapes is one character;
 * half of one is none.
 *
 * @param bmp only characters that are one UTF-16 unit
 */
export function anyJsonChar(bmp: boolean): Expression {
  const hex = (count: number) => repeat(chars(HEX), count, count);
  const unit = choice(
    sequence(chars(charsOf('0123456789abcefABCEF')), hex(3)),
    sequence(chars(charsOf('dD')), chars(charsOf('01234567')), hex(2)),
  );
  const pair = sequence(
    ...[chars(charsOf('dD')), chars(charsOf('89abAB')), hex(2), literal('\\u')],
    ...[chars(charsOf('dD')), chars(charsOf('cdefCDEF')), hex(2)],
  );
  const code = sequence(literal('u'), bmp ? unit : choice(unit, pair));
  const escaped = sequence(literal('\\'), choice(chars(charsOf('"\\/bfnrt')), code));
  return choice(chars(intersect(RAW, bmp ? BMP_CHAR : ANY_CHAR)), escaped);
}

/** The one text of a value, apart from white space. */
export function jsonLiteral(value: JsonValue): Expression {
  if (isArray(value)) return enclosed('[', value.map(jsonLiteral), ']');
  if (!isMap(value)) return literal(JSON.stringify(value));
  const fields = Array.from(value, ([key, item]) => sequence(jsonKey(key), jsonLiteral(item)));
  return enclosed('{', fields, '}');
}

export function jsonKey(name: string): Expression {
  return sequence(literal(`${JSON.stringify(name)}:`), SPACE);
}

function enclosed(open: string, parts: readonly Expression[], end: string): Expression {
  if (parts.length === 0) return literal(open + end);
  const inner = parts.flatMap((part, i) => (i === 0 ? [part] : [literal(','), GAP, part]));
  return sequence(literal(open), GAP, ...inner, GAP, literal(end));
}
