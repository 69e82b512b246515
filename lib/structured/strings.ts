/** Strings: length, pattern, format. */

import { wholePatterns } from './anchors.js';
import { automatonRules } from './automaton.js';
import { ANY_CHAR, BMP_CHAR, type CharSet, intersect, isSubset } from './char-set.js';
import { choice, type Expression, literal, repeat, sequence } from './expression.js';
import { FORMATS } from './formats.js';
import type { Grammar } from './grammar.js';
import { anyJsonChar, jsonChars } from './json-text.js';
import type { Counts } from './keywords.js';
import { characterClasses, Languages } from './language.js';
import { lengthRange, type Pattern, PatternProblem, setsOf } from './pattern.js';
import { parsePattern } from './pattern-parser.js';
import { refuse } from './refuse.js';

export interface StringRule {
  /** Where it stands, for messages. */
  pointer: string;
  /** In code points. */
  length: Counts;
  patterns: readonly string[];
  formats: readonly string[];
}

/** The alternatives of one pattern or format, each a list that must all match and a list that must not. */
type Condition = { all: Pattern[]; never: readonly Pattern[] }[];

/**
 * @param bmp only characters of one UTF-16 unit where their number or a pattern matters: zod and its like count units
 * @throws InvalidArgumentError
 */
export function stringExpression(grammar: Grammar, rule: StringRule, bmp: boolean): Expression {
  const sources = [...new Set([...rule.formats.flatMap((name) => FORMATS.get(name) ?? []), ...rule.patterns])];
  if (sources.length === 0) {
    const counted = rule.length.max !== Number.POSITIVE_INFINITY;
    const char = grammar.shared(bmp && counted ? 'bmp-char' : 'char', () => anyJsonChar(bmp && counted));
    return quoted(repeat(char, rule.length.min, rule.length.max));
  }
  try {
    const conditions = sources.map((source) =>
      wholePatterns(parsePattern(source)).map(({ pattern, also, never }) => ({ all: [pattern, ...also], never })),
    );
    return quoted(combined(grammar, rule, conditions, bmp ? BMP_CHAR : ANY_CHAR));
  } catch (error) {
    if (!(error instanceof PatternProblem)) throw error;
    const what = rule.patterns.length > 0 ? '"pattern"' : '"format"';
    const beside = sources.length > 1 || isBounded(rule.length) ? ` (with its length, format and other patterns)` : '';
    refuse(rule.pointer, `${what} cannot be translated${beside}: ${error.message}. Simplify it or check it afterwards`);
  }
}

function quoted(body: Expression): Expression {
  return sequence(literal('"'), body, literal('"'));
}

function isBounded({ min, max }: Counts): boolean {
  return min > 0 || max !== Number.POSITIVE_INFINITY;
}

function combined(grammar: Grammar, rule: StringRule, conditions: Condition[], alphabet: CharSet): Expression {
  const [first] = conditions;
  const only = conditions.length === 1 && first?.length === 1 ? first[0] : undefined;
  if (only && only.all.length === 1 && only.never.length === 0) {
    const pattern = withLength(only.all[0] as Pattern, rule.length);
    if (pattern && isPlain(pattern)) return translate(pattern, alphabet);
  }
  const { min, max } = rule.length;
  const length: Pattern = { kind: 'repeat', body: { kind: 'set', set: ANY_CHAR }, min, max };
  const all = isBounded(rule.length) ? [...conditions, [{ all: [length], never: [] }]] : conditions;
  const certain = all.flatMap((condition) => (condition.length === 1 ? (condition[0]?.all ?? []) : []));
  const implied = impliedCounts(certain);
  const needed = all.map((condition) =>
    condition.map(({ all: list, never }) => ({ all: list.filter((each) => !implied.has(each)), never })),
  );
  const languages = new Languages();
  const start = languages.and(
    needed.map((condition) =>
      languages.or(
        condition.map(({ all: list, never }) =>
          languages.and([
            ...list.map((each) => languages.from(each)),
            ...never.map((each) => languages.not(languages.from(each))),
          ]),
        ),
      ),
    ),
  );
  const sets = needed.flat().flatMap(({ all: list, never }) => [...list, ...never].flatMap(setsOf));
  return automatonRules(grammar, rule.pointer, languages, start, characterClasses(sets), alphabet);
}

/** Patterns that only say "so many characters", which follows from another one whose texts all have such a length. */
function impliedCounts(patterns: readonly Pattern[]): Set<Pattern> {
  const implied = new Set<Pattern>();
  for (const pattern of patterns) {
    const counted = countOf(pattern);
    if (!counted) continue;
    const others = patterns.filter((each) => each !== pattern && !implied.has(each));
    const follows = others.some((other) => {
      const { min, max } = lengthRange(other);
      const isInside = min >= counted.min && max <= counted.max;
      return isInside && setsOf(other).every((set) => isSubset(set, counted.set));
    });
    if (follows) implied.add(pattern);
  }
  return implied;
}

/** The counts of a pattern like `.{1,20}` that may have optional parts beside it. */
function countOf(pattern: Pattern): { set: CharSet; min: number; max: number } | undefined {
  const parts = pattern.kind === 'sequence' ? pattern.parts : [pattern];
  const [main, ...others] = parts;
  if (main?.kind !== 'repeat' || main.body.kind !== 'set') return undefined;
  if (others.some((part) => lengthRange(part).min > 0)) return undefined;
  return { set: main.body.set, min: main.min, max: main.max };
}

/**
 * The pattern with a length, where that is the same as other counts for the one part of it that varies. Undefined where
 * it is not so simple.
 */
function withLength(pattern: Pattern, length: Counts): Pattern | undefined {
  const range = lengthRange(pattern);
  if (range.min >= length.min && range.max <= length.max) return pattern;
  const parts = pattern.kind === 'sequence' ? [...pattern.parts] : [pattern];
  const varying = parts.filter((part) => lengthRange(part).min !== lengthRange(part).max);
  const [part] = varying;
  if (varying.length !== 1 || part?.kind !== 'repeat') return undefined;
  const unit = lengthRange(part.body);
  if (unit.min !== unit.max || unit.min === 0) return undefined;
  const fixed = range.min - unit.min * part.min;
  const min = Math.max(part.min, Math.ceil((length.min - fixed) / unit.min));
  const max = Math.min(part.max, Math.floor((length.max - fixed) / unit.min));
  if (max < min) return undefined;
  parts[parts.indexOf(part)] = { ...part, min, max };
  return { kind: 'sequence', parts };
}

/** No repetition of something that repeats: rules of the same shape then leave few readings open. */
function isPlain(pattern: Pattern, inLoop = false): boolean {
  if (pattern.kind === 'set') return true;
  if (pattern.kind !== 'repeat') {
    return (pattern.kind === 'sequence' ? pattern.parts : pattern.options).every((part) => isPlain(part, inLoop));
  }
  if (inLoop && pattern.min !== pattern.max) return false;
  const { min, max } = lengthRange(pattern.body);
  return min > 0 && max < Number.POSITIVE_INFINITY && isPlain(pattern.body, inLoop || pattern.max > 1);
}

function translate(pattern: Pattern, alphabet: CharSet): Expression {
  if (pattern.kind === 'set') return jsonChars(intersect(pattern.set, alphabet));
  if (pattern.kind === 'sequence') return sequence(...pattern.parts.map((part) => translate(part, alphabet)));
  if (pattern.kind === 'choice') return choice(...pattern.options.map((option) => translate(option, alphabet)));
  return repeat(translate(pattern.body, alphabet), pattern.min, pattern.max);
}
