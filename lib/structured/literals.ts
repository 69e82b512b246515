/** One of many fixed texts. What they begin with in common is written once, so that few readings are open at a time. */

import { choice, EMPTY, type Expression, literal, sequence } from './expression.js';
import type { Grammar } from './grammar.js';

/** Branches inside one another that are written into one rule. */
const LEVELS = 16;

export function oneOfTexts(grammar: Grammar, origin: string, texts: readonly string[]): Expression {
  return branches(
    grammar,
    origin,
    [...new Set(texts)].map((text) => Array.from(text)),
    0,
    0,
  );
}

/** @param at where the texts may begin to differ */
function branches(grammar: Grammar, origin: string, texts: string[][], at: number, level: number): Expression {
  const [first, ...others] = texts as [string[], ...string[][]];
  let end = at;
  while (end < first.length && others.every((text) => text[end] === first[end])) end++;
  const common = literal(first.slice(at, end).join(''));
  if (others.length === 0) return common;
  const groups = new Map<string | undefined, string[][]>();
  for (const text of texts) {
    const group = groups.get(text[end]);
    if (group) group.push(text);
    else groups.set(text[end], [text]);
  }
  const ways = Array.from(groups, ([char, group]) =>
    char === undefined ? EMPTY : branches(grammar, origin, group, end, level + 1),
  );
  const rest = choice(...ways);
  return sequence(common, level % LEVELS === LEVELS - 1 ? grammar.define('values', origin, rest) : rest);
}
