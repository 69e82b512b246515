/**
 * Reads the `pattern` keyword: a regular expression of ECMA-262 with the flag `u`, as JSON Schema asks for.
 *
 * Everything that describes a regular language is read: classes, escapes, properties (`\p{Script=Hangul}`), groups,
 * alternation, quantifiers (a lazy one matches the same texts), anchors and lookahead. Refused: backreferences,
 * lookbehind, word boundaries.
 */

import { ANY_CHAR, type CharSet, charSet, charsOf, complement } from './char-set.js';
import { MAX_REPETITION } from './expression.js';
import { type ParsedPattern, PatternProblem } from './pattern.js';
import { classEscape } from './pattern-classes.js';

export const PATTERN_LIMITS = {
  /** UTF-16 units. */
  length: 2000,
  /** Groups inside one another. */
  depth: 32,
};

const LINE_ENDS = charsOf('\n\r\u2028\u2029');
const CONTROLS: Record<string, string> = { n: '\n', r: '\r', t: '\t', v: '\v', f: '\f', 0: '\0' };

/** @throws PatternProblem */
export function parsePattern(source: string): ParsedPattern {
  if (source.length > PATTERN_LIMITS.length) {
    throw new PatternProblem(`it has ${source.length} characters; at most ${PATTERN_LIMITS.length} are read`);
  }
  try {
    new RegExp(source, 'u');
  } catch (error) {
    throw new PatternProblem(`it is no regular expression with the flag u (${(error as Error).message.slice(0, 300)})`);
  }
  return new PatternParser(source).whole();
}

/** The syntax is known to be right when it begins. */
class PatternParser {
  readonly #chars: string[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#chars = Array.from(source);
  }

  whole(): ParsedPattern {
    return this.#choice();
  }

  #peek(text: string): boolean {
    return Array.from(text).every((char, i) => this.#chars[this.#at + i] === char);
  }

  #take(text: string): boolean {
    const found = this.#peek(text);
    if (found) this.#at += Array.from(text).length;
    return found;
  }

  #next(): string {
    return this.#chars[this.#at++] as string;
  }

  #until(end: string): string {
    const last = this.#chars.indexOf(end, this.#at);
    const text = this.#chars.slice(this.#at, last).join('');
    this.#at = last + 1;
    return text;
  }

  #choice(): ParsedPattern {
    if (++this.#depth > PATTERN_LIMITS.depth) {
      throw new PatternProblem(`its groups are nested deeper than ${PATTERN_LIMITS.depth}: write it flatter`);
    }
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    this.#depth--;
    return options.length === 1 ? (options[0] as ParsedPattern) : { kind: 'choice', options };
  }

  #sequence(): ParsedPattern {
    const parts: ParsedPattern[] = [];
    while (this.#at < this.#chars.length && !this.#peek('|') && !this.#peek(')')) {
      parts.push(this.#quantified(this.#atom()));
    }
    return parts.length === 1 ? (parts[0] as ParsedPattern) : { kind: 'sequence', parts };
  }

  #quantified(body: ParsedPattern): ParsedPattern {
    const [min, max] = this.#quantifier() ?? [1, 1];
    return min === 1 && max === 1 ? body : { kind: 'repeat', body, min, max };
  }

  #quantifier(): [number, number] | undefined {
    let counts: [number, number] | undefined;
    if (this.#take('*')) counts = [0, Number.POSITIVE_INFINITY];
    else if (this.#take('+')) counts = [1, Number.POSITIVE_INFINITY];
    else if (this.#take('?')) counts = [0, 1];
    else if (this.#take('{')) {
      const [min, max] = this.#until('}').split(',');
      counts = [Number(min), max === undefined ? Number(min) : max === '' ? Number.POSITIVE_INFINITY : Number(max)];
    }
    if (!counts) return undefined;
    this.#take('?'); // lazy: the same texts
    const [min, max] = counts;
    if (min > MAX_REPETITION)
      throw new PatternProblem(`it repeats ${min} times; at most ${MAX_REPETITION} can be counted`);
    return [min, max === Number.POSITIVE_INFINITY ? max : Math.min(max, MAX_REPETITION)];
  }

  #atom(): ParsedPattern {
    const char = this.#next();
    if (char === '^') return { kind: 'start' };
    if (char === '$') return { kind: 'end' };
    if (char === '.') return { kind: 'set', set: complement(LINE_ENDS) };
    if (char === '(') return this.#group();
    if (char === '[') return { kind: 'set', set: this.#class() };
    if (char !== '\\') return { kind: 'set', set: charsOf(char) };
    if (this.#peek('b') || this.#peek('B')) throw new PatternProblem('a word boundary (\\b) cannot be translated');
    if (/[1-9k]/.test(this.#chars[this.#at] as string)) throw new PatternProblem('it has a backreference');
    return { kind: 'set', set: this.#escape() };
  }

  #group(): ParsedPattern {
    const lookahead = this.#take('?=') ? 'positive' : this.#take('?!') ? 'negative' : undefined;
    if (this.#peek('?<=') || this.#peek('?<!')) throw new PatternProblem('it looks behind');
    if (this.#take('?<')) this.#until('>');
    else if (!lookahead && this.#peek('?') && !this.#take('?:')) {
      throw new PatternProblem('it changes flags inside a group');
    }
    const body = this.#choice();
    this.#next(); // the closing parenthesis
    return lookahead ? { kind: 'lookahead', negated: lookahead === 'negative', body } : body;
  }

  #class(): CharSet {
    const negated = this.#take('^');
    const ranges: (readonly [number, number])[] = [];
    while (!this.#take(']')) {
      const first = this.#classAtom();
      const single = first.length === 1 && first[0]?.[0] === first[0]?.[1];
      if (single && this.#peek('-') && this.#chars[this.#at + 1] !== ']') {
        this.#next();
        ranges.push([first[0]?.[0] as number, this.#classAtom()[0]?.[0] as number]);
      } else ranges.push(...first);
    }
    const set = charSet(ranges);
    return negated ? complement(set) : set;
  }

  #classAtom(): CharSet {
    const char = this.#next();
    if (char !== '\\') return charsOf(char);
    return this.#take('b') ? charsOf('\b') : this.#take('-') ? charsOf('-') : this.#escape();
  }

  /** What follows a backslash. */
  #escape(): CharSet {
    const char = this.#next();
    if (char === 'p' || char === 'P') {
      this.#next();
      return classEscape(`\\${char}{${this.#until('}')}}`);
    }
    if (/[dDwWsS]/.test(char)) return classEscape(`\\${char}`);
    if (char === 'x') return one(Number.parseInt(this.#next() + this.#next(), 16));
    if (char === 'u') return one(this.#unicode());
    if (char === 'c') return one(this.#next().charCodeAt(0) % 32);
    return charsOf(CONTROLS[char] ?? char);
  }

  #unicode(): number {
    if (this.#take('{')) return Number.parseInt(this.#until('}'), 16);
    const unit = () => Number.parseInt(this.#next() + this.#next() + this.#next() + this.#next(), 16);
    const high = unit();
    if (high < 0xd800 || high > 0xdbff || !this.#take('\\u')) return high;
    return 0x10000 + (high - 0xd800) * 0x400 + (unit() - 0xdc00);
  }
}

/** Half of a surrogate pair is in no text, so a set of it alone stays empty. */
function one(code: number): CharSet {
  return code <= 0x10ffff ? charSet([[code, code]]) : ANY_CHAR;
}
