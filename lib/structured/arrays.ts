/** Arrays: first the items that have a schema each, then those that share one. */

import { gap } from './any-json.js';
import { choice, type Expression, literal, NEVER, optional, repeat, sequence } from './expression.js';
import type { Grammar } from './grammar.js';
import type { Counts } from './keywords.js';

/** Items that are written into one rule. */
const ITEMS_OF_RULE = 16;

export interface ArrayRule {
  readonly pointer: string;
  readonly first: readonly Expression[];
  /** The other items; absent: there are none. */
  readonly others: Expression | undefined;
  readonly count: Counts;
}

export function arrayExpression(grammar: Grammar, { pointer, first, others, count }: ArrayRule): Expression {
  const space = gap(grammar);
  const next = (item: Expression): Expression => sequence(literal(','), space, item);
  const { min, max } = count;
  const more = (written: number): Expression => {
    const [least, most] = [Math.max(0, min - written), max - written];
    if (!others) return least > 0 ? NEVER : literal('');
    return repeat(next(others), least, most);
  };
  let rest = more(Math.max(1, first.length));
  for (let i = first.length - 1; i >= 1; i--) {
    const item = sequence(next(first[i] as Expression), rest);
    if (i >= max) rest = literal('');
    else if (i < min) rest = i % ITEMS_OF_RULE === 0 ? grammar.define('items', pointer, item) : item;
    else rest = grammar.define('items', pointer, optional(item));
  }
  const head = first[0] ?? others ?? NEVER;
  const filled = max === 0 ? NEVER : sequence(literal('['), space, head, rest, space, literal(']'));
  return choice(filled, min === 0 ? literal('[]') : NEVER);
}
