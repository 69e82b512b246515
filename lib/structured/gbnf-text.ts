/**
 * Writes rules in the GBNF dialect: `name ::= …` with literals, classes of code points, groups, `|` and repetition.
 * Only what every reader of the dialect agrees on is used: classes are positive lists, characters that have a meaning
 * in a class or a literal are written as `\xNN`, and a group stands around everything that is repeated.
 */

import { InvalidArgumentError } from '../errors.js';
import type { Expression } from './expression.js';

const MAX_TEXT_BYTES = 1 << 20;

/** @param rules with `root`; those that `root` does not reach are left out */
export function writeRules(rules: ReadonlyMap<string, Expression>): string {
  const lines: string[] = [];
  const seen = new Set(['root']);
  let bytes = 0;
  for (const name of seen) {
    const body = write(rules.get(name) as Expression, 'alone', (used) => seen.add(used));
    const line = `${name} ::= ${body}\n`;
    bytes += Buffer.byteLength(line);
    if (bytes > MAX_TEXT_BYTES) {
      throw new InvalidArgumentError(
        `The schema gives a grammar of more than ${MAX_TEXT_BYTES} bytes: make the schema, or its enums, smaller`,
      );
    }
    lines.push(line);
  }
  return lines.join('');
}

/** Where an expression stands decides whether it needs parentheses. */
type Place = 'alone' | 'in sequence' | 'repeated';

function write(expression: Expression, place: Place, use: (name: string) => void): string {
  switch (expression.kind) {
    case 'literal': {
      const text = `"${Array.from(expression.text, literalChar).join('')}"`;
      return place === 'repeated' && expression.text.length > 1 ? `(${text})` : text;
    }
    case 'chars':
      return `[${expression.set.map(([first, last]) => classRange(first, last)).join('')}]`;
    case 'rule':
      use(expression.name);
      return expression.name;
    case 'sequence': {
      if (expression.parts.length === 0) return '""';
      const text = expression.parts.map((part) => write(part, 'in sequence', use)).join(' ');
      return place === 'repeated' ? `(${text})` : text;
    }
    case 'choice': {
      const text = expression.options.map((option) => write(option, 'alone', use)).join(' | ');
      return place === 'alone' ? text : `(${text})`;
    }
    case 'repeat': {
      const text = write(expression.body, 'repeated', use) + repetition(expression.min, expression.max);
      return place === 'repeated' ? `(${text})` : text;
    }
  }
}

function repetition(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  if (min === 0 && max === 1) return '?';
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

const LITERAL_ESCAPES: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function literalChar(char: string): string {
  const code = char.codePointAt(0) as number;
  return LITERAL_ESCAPES[char] ?? (code < 0x20 || code === 0x7f ? escaped(code) : char);
}

function classRange(first: number, last: number): string {
  if (first === last) return classChar(first);
  return `${classChar(first)}${last === first + 1 ? '' : '-'}${classChar(last)}`;
}

function classChar(code: number): string {
  const char = String.fromCodePoint(code);
  return /[0-9A-Za-z]/.test(char) ? char : escaped(code);
}

function escaped(code: number): string {
  const hex = code.toString(16).toUpperCase();
  if (code <= 0x7f) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
