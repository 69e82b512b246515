/** A regular language as grammar rules: one rule for each state of its automaton, so that one reading is ever open. */

import { ANY_CHAR, type CharSet, intersect, union } from './char-set.js';
import { choice, EMPTY, type Expression, NEVER, repeat, sequence } from './expression.js';
import type { Grammar } from './grammar.js';
import { jsonChars } from './json-text.js';
import type { Language, Languages } from './language.js';
import { PatternProblem } from './pattern.js';

/** States of one text. */
const MAX_STATES = 2000;
/** Derivatives of one text: states times classes of characters. */
const MAX_STEPS = 60_000;

interface State {
  readonly language: Language;
  /** By target: the characters that lead there. */
  readonly next: Map<number, CharSet>;
}

/**
 * @param classes characters that the language does not tell apart
 * @param alphabet the characters that may be written
 * @throws PatternProblem when it has too many states
 */
export function automatonRules(
  grammar: Grammar,
  origin: string,
  languages: Languages,
  start: Language,
  classes: readonly CharSet[],
  alphabet: CharSet = ANY_CHAR,
): Expression {
  const allowed = classes.map((each) => intersect(each, alphabet)).filter((each) => each.length > 0);
  const states = explore(languages, start, allowed);
  keepLive(states);
  return states.has(start.id) ? write(grammar, origin, states, start.id) : NEVER;
}

function explore(languages: Languages, start: Language, classes: readonly CharSet[]): Map<number, State> {
  const states = new Map<number, State>([[start.id, { language: start, next: new Map() }]]);
  let steps = 0;
  for (const { language, next } of states.values()) {
    for (const chars of classes) {
      if (++steps > MAX_STEPS) throw new PatternProblem('it is too complex: write it simpler, or lower its counts');
      const target = languages.derivative(language, (chars[0] as readonly [number, number])[0]);
      if (target === languages.never) continue;
      next.set(target.id, union(next.get(target.id) ?? [], chars));
      if (!states.has(target.id)) states.set(target.id, { language: target, next: new Map() });
      if (states.size > MAX_STATES) {
        throw new PatternProblem(`it needs more than ${MAX_STATES} states: write it simpler, or lower its counts`);
      }
    }
  }
  return states;
}

/** Drops the states from which no end can be reached. */
function keepLive(states: Map<number, State>): void {
  const sources = new Map<number, number[]>();
  for (const [id, { next }] of states) {
    for (const target of next.keys()) {
      const list = sources.get(target);
      if (list) list.push(id);
      else sources.set(target, [id]);
    }
  }
  const live = new Set([...states].filter(([, { language }]) => language.nullable).map(([id]) => id));
  for (const id of live) for (const source of sources.get(id) ?? []) live.add(source);
  for (const [id, { next }] of states) {
    if (!live.has(id)) states.delete(id);
    for (const target of next.keys()) if (!live.has(target)) next.delete(target);
  }
}

function write(grammar: Grammar, origin: string, states: ReadonlyMap<number, State>, start: number): Expression {
  const entries = new Map<number, number>([[start, 2]]);
  for (const [id, { next }] of states) {
    for (const target of next.keys()) if (target !== id) entries.set(target, (entries.get(target) ?? 0) + 1);
  }
  const state = (id: number) => states.get(id) as State;
  /** A state that only continues what came before it needs no rule. */
  const isLink = (id: number) =>
    entries.get(id) === 1 && !state(id).language.nullable && state(id).next.size === 1 && !state(id).next.has(id);
  const rules = new Map<number, Expression & { kind: 'rule' }>();
  for (const id of states.keys()) if (!isLink(id)) rules.set(id, grammar.declare('text', origin));

  const path = (chars: CharSet, target: number): Expression => {
    const parts = [jsonChars(chars)];
    let at = target;
    while (isLink(at)) {
      const [step] = state(at).next;
      const [after, set] = step as [number, CharSet];
      parts.push(jsonChars(set));
      at = after;
    }
    return sequence(...parts, rules.get(at) as Expression);
  };
  for (const [id, rule] of rules) {
    const { language, next } = state(id);
    const again = next.get(id);
    const ways = [...next].filter(([target]) => target !== id).map(([target, chars]) => path(chars, target));
    const onward = choice(...ways, ...(language.nullable ? [EMPTY] : []));
    const loop = again ? repeat(jsonChars(again), 0, Number.POSITIVE_INFINITY) : EMPTY;
    grammar.complete(rule, sequence(loop, onward));
  }
  return rules.get(start) as Expression;
}
