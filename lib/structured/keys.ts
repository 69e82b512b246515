/** Keys of properties that have no name in the schema. */

import { ANY_CHAR, charsOf, complement } from './char-set.js';
import { choice, type Expression, literal, NEVER, repeat, sequence } from './expression.js';
import type { Grammar } from './grammar.js';
import { jsonChars } from './json-text.js';

/** Keys that begin with as many characters of a name are avoided too: it keeps the grammar small. */
const TOLD_APART = 128;
/** Levels of the tree that are written into one rule. */
const LEVELS = 16;

/** The beginnings that some names share. */
interface Branch {
  /** A name ends here. */
  isName: boolean;
  readonly next: Map<string, Branch>;
}

/**
 * A key as a JSON string that equals none of the names. Letters are never escaped in it, so no name can come back in
 * another spelling.
 */
export function keyOtherThan(grammar: Grammar, names: readonly string[]): Expression {
  const unique = [...new Set(names)].sort();
  const make = () => {
    const root: Branch = { isName: false, next: new Map() };
    for (const name of unique) addName(root, name);
    return sequence(literal('"'), rest(grammar, root, 0));
  };
  return grammar.shared(`key ${JSON.stringify(unique)}`, make, 'key');
}

function addName(root: Branch, name: string): void {
  let at = root;
  for (const char of Array.from(name).slice(0, TOLD_APART)) {
    const next: Branch = at.next.get(char) ?? { isName: false, next: new Map() };
    at.next.set(char, next);
    at = next;
  }
  at.isName = true;
}

/** What may follow a beginning, with the closing quote. */
function rest(grammar: Grammar, branch: Branch, depth: number): Expression {
  const known = [...branch.next.keys()];
  const free =
    depth === TOLD_APART ? NEVER : sequence(jsonChars(complement(charsOf(known.join('')))), anyRest(grammar));
  const ways = Array.from(branch.next, ([char, next]) =>
    sequence(jsonChars(charsOf(char)), rest(grammar, next, depth + 1)),
  );
  const all = choice(...ways, free, ...(branch.isName ? [] : [literal('"')]));
  return depth > 0 && depth % LEVELS === 0 ? grammar.define('key-rest', '#', all) : all;
}

function anyRest(grammar: Grammar): Expression {
  const char = () => jsonChars(ANY_CHAR);
  return grammar.shared('key-end', () => sequence(repeat(char(), 0, Number.POSITIVE_INFINITY), literal('"')));
}
