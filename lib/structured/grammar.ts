/** The rules of a grammar while it grows; then, cleaned, its text. */

import { choice, type Expression, isNever, NEVER, repeat, sequence } from './expression.js';
import { writeRules } from './gbnf-text.js';
import { refuse } from './refuse.js';

/** What the grammar engine takes. */
const MAX_RULES = 8192;

interface Rule {
  body: Expression;
  /** Where in the schema it comes from. */
  origin: string;
}

export class Grammar {
  readonly #rules = new Map<string, Rule>();
  readonly #counts = new Map<string, number>();
  readonly #shared = new Map<string, Expression>();
  /** Why parts of the schema match nothing, the first one first. */
  readonly #impossible: { pointer: string; why: string }[] = [];

  /** A new rule whose body comes later, so that it can refer to itself. Returns a reference to it. */
  declare(stem: string, origin: string): Expression & { kind: 'rule' } {
    if (this.#rules.size >= MAX_RULES) {
      refuse(origin, `it needs more than ${MAX_RULES} grammar rules: make the schema smaller`);
    }
    const count = this.#counts.get(stem) ?? 0;
    this.#counts.set(stem, count + 1);
    const name = count === 0 ? stem : `${stem}-${count + 1}`;
    this.#rules.set(name, { body: NEVER, origin });
    return { kind: 'rule', name };
  }

  complete(rule: Expression & { kind: 'rule' }, body: Expression): void {
    (this.#rules.get(rule.name) as Rule).body = body;
  }

  define(stem: string, origin: string, body: Expression): Expression {
    const rule = this.declare(stem, origin);
    this.complete(rule, body);
    return rule;
  }

  /** A rule that the whole grammar has once for each `key`. */
  shared(key: string, make: () => Expression, stem = key): Expression {
    const known = this.#shared.get(key);
    if (known) return known;
    const rule = this.declare(stem, '#');
    this.#shared.set(key, rule);
    this.complete(rule, make());
    return rule;
  }

  /** Notes why nothing can match, for the message in case that the whole becomes impossible. */
  impossible(pointer: string, why: string): Expression {
    this.#impossible.push({ pointer, why });
    return NEVER;
  }

  /**
   * The grammar in GBNF, start rule `root`. Alternatives that no finite text can match are left out.
   *
   * @throws InvalidArgumentError when nothing is left, a rule needs itself before it has read anything, or the text is
   * longer than the engine takes
   */
  toText(root: Expression): string {
    const finite = this.#settle((body, known) => endsSometime(body, known));
    if (!endsSometime(root, finite)) this.#refuseWhole();
    const rules = new Map<string, Expression>([['root', prune(root, finite)]]);
    for (const [name, { body }] of this.#rules) if (finite.has(name)) rules.set(name, prune(body, finite));
    this.#refuseLoops(rules);
    return writeRules(withoutAliases(rules));
  }

  #refuseWhole(): never {
    const [first] = this.#impossible;
    if (first) refuse(first.pointer, `nothing can match it, which makes the whole schema impossible: ${first.why}`);
    refuse('#', 'every answer would have to contain another of its kind without end: make one "$ref" optional');
  }

  /** The rules for which `test` holds, where it may rest on rules already found: the least set. */
  #settle(test: (body: Expression, known: ReadonlySet<string>) => boolean): Set<string> {
    const known = new Set<string>();
    const users = new Map<string, string[]>();
    for (const [name, { body }] of this.#rules) {
      for (const used of references(body)) {
        const list = users.get(used);
        if (list) list.push(name);
        else users.set(used, [name]);
      }
    }
    const open = [...this.#rules.keys()];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (known.has(name) || !test((this.#rules.get(name) as Rule).body, known)) continue;
      known.add(name);
      for (const user of users.get(name) ?? []) if (!known.has(user)) open.push(user);
    }
    return known;
  }

  /** Refuses left recursion: it would mean a schema that is its own alternative. */
  #refuseLoops(rules: ReadonlyMap<string, Expression>): void {
    const nullable = this.#settle((body, known) => isNullable(body, known));
    const done = new Set<string>();
    for (const start of rules.keys()) {
      if (done.has(start)) continue;
      const path = [{ name: start, next: leftmost(rules.get(start) as Expression, nullable) }];
      const open = new Set([start]);
      while (path.length > 0) {
        const top = path[path.length - 1] as (typeof path)[number];
        const name = top.next.pop();
        if (name === undefined) {
          done.add(top.name);
          open.delete(top.name);
          path.pop();
        } else if (open.has(name)) {
          const origin = this.#rules.get(name)?.origin ?? '#';
          refuse(origin, '"$ref" leads back to where it started without a property or an item between: end the loop');
        } else if (!done.has(name)) {
          open.add(name);
          path.push({ name, next: leftmost(rules.get(name) as Expression, nullable) });
        }
      }
    }
  }
}

/** Rules that only name another one are replaced by it; there are no loops of them. */
function withoutAliases(rules: ReadonlyMap<string, Expression>): Map<string, Expression> {
  const target = (rule: Expression & { kind: 'rule' }): Expression => {
    const body = rules.get(rule.name);
    return body?.kind === 'rule' ? target(body) : rule;
  };
  const replaced = (expression: Expression): Expression => {
    if (expression.kind === 'rule') return target(expression);
    if (expression.kind === 'sequence') return { ...expression, parts: expression.parts.map(replaced) };
    if (expression.kind === 'choice') return { ...expression, options: expression.options.map(replaced) };
    return expression.kind === 'repeat' ? { ...expression, body: replaced(expression.body) } : expression;
  };
  return new Map(Array.from(rules, ([name, body]) => [name, replaced(body)]));
}

function children(expression: Expression): readonly Expression[] {
  if (expression.kind === 'sequence') return expression.parts;
  if (expression.kind === 'choice') return expression.options;
  return expression.kind === 'repeat' ? [expression.body] : [];
}

function references(expression: Expression): Set<string> {
  const found = new Set<string>();
  const visit = (each: Expression): void => {
    if (each.kind === 'rule') found.add(each.name);
    else for (const part of children(each)) visit(part);
  };
  visit(expression);
  return found;
}

/** Whether some finite text matches, given the rules that have one. */
function endsSometime(expression: Expression, finite: ReadonlySet<string>): boolean {
  if (expression.kind === 'rule') return finite.has(expression.name);
  if (expression.kind === 'choice') return expression.options.some((option) => endsSometime(option, finite));
  if (expression.kind === 'repeat' && expression.min === 0) return true;
  return children(expression).every((part) => endsSometime(part, finite));
}

function isNullable(expression: Expression, nullable: ReadonlySet<string>): boolean {
  if (expression.kind === 'literal' || expression.kind === 'chars') return false;
  if (expression.kind === 'rule') return nullable.has(expression.name);
  if (expression.kind === 'choice') return expression.options.some((option) => isNullable(option, nullable));
  if (expression.kind === 'repeat' && expression.min === 0) return true;
  return children(expression).every((part) => isNullable(part, nullable));
}

/** The rules that can stand first. */
function leftmost(expression: Expression, nullable: ReadonlySet<string>): string[] {
  if (expression.kind === 'rule') return [expression.name];
  if (expression.kind !== 'sequence') return children(expression).flatMap((part) => leftmost(part, nullable));
  const end = expression.parts.findIndex((part) => !isNullable(part, nullable));
  const parts = end < 0 ? expression.parts : expression.parts.slice(0, end + 1);
  return parts.flatMap((part) => leftmost(part, nullable));
}

function prune(expression: Expression, finite: ReadonlySet<string>): Expression {
  const keep = (part: Expression): Expression => prune(part, finite);
  if (expression.kind === 'rule') return finite.has(expression.name) ? expression : NEVER;
  if (expression.kind === 'sequence') return sequence(...expression.parts.map(keep));
  if (expression.kind === 'choice') return choice(...expression.options.map(keep).filter((option) => !isNever(option)));
  return expression.kind === 'repeat' ? repeat(keep(expression.body), expression.min, expression.max) : expression;
}
