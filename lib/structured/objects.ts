/**
 * Objects. Named properties are written in the order of the schema, which is how models write them and keeps the grammar
 * linear; a property that is not required may be left out. Where `properties` stands without `additionalProperties`, no
 * other properties are written; a schema or true there allows them, after the named ones.
 */

import { freeProperty, gap } from './any-json.js';
import { choice, type Expression, literal, NEVER, optional, repeat, sequence } from './expression.js';
import type { Grammar } from './grammar.js';
import { jsonKey } from './json-text.js';
import type { Counts } from './keywords.js';
import { refuse } from './refuse.js';

export interface Field {
  readonly name: string;
  readonly value: Expression;
  readonly required: boolean;
}

export interface ObjectRule {
  readonly pointer: string;
  readonly fields: readonly Field[];
  /** The value of properties that have no name in the schema; absent: there are none. */
  readonly free: Expression | undefined;
  readonly count: Counts;
}

/** Fields that are written into one rule. */
const FIELDS_OF_RULE = 16;
const MAX_STATES = 8000;

export function objectExpression(grammar: Grammar, rule: ObjectRule): Expression {
  const { pointer, fields, free, count } = rule;
  const required = fields.filter((field) => field.required).length;
  const most = free ? Number.POSITIVE_INFINITY : fields.length;
  if (free && count.min > fields.length + 1) {
    refuse(pointer, `"minProperties" ${count.min} beside free keys cannot be counted, as keys may repeat: name them`);
  }
  const isCounted = count.min > required || count.max < most;
  const cap = isCounted ? Math.max(count.min, Math.min(count.max, fields.length)) : 1;
  if (fields.length * cap > MAX_STATES) {
    refuse(pointer, '"minProperties" or "maxProperties" stands beside too many properties: remove it');
  }
  return sequence(literal('{'), new ObjectWriter(grammar, rule, isCounted, cap).rest());
}

/**
 * Works from the last field to the first. What may follow depends on how many properties were written: whether a comma
 * is needed, and, when they are counted, how many may still come.
 */
class ObjectWriter {
  readonly #gap: Expression;

  constructor(
    private readonly grammar: Grammar,
    private readonly rule: ObjectRule,
    private readonly isCounted: boolean,
    /** Written properties are told apart up to this number. */
    private readonly cap: number,
  ) {
    this.#gap = gap(grammar);
  }

  /** Everything after the opening brace. */
  rest(): Expression {
    const { fields } = this.rule;
    let row = Array.from({ length: this.cap + 1 }, (_, written) => this.#end(written));
    for (let i = fields.length - 1; i >= 0; i--) {
      row = this.#before(fields[i] as Field, row);
      const isShared = i > 0 && !fields[i - 1]?.required;
      if (isShared || i % FIELDS_OF_RULE === 0) row = row.map((each) => this.#named(each));
    }
    return row[0] as Expression;
  }

  #named(rest: Expression): Expression {
    const isSmall = rest.kind === 'rule' || rest.kind === 'literal' || rest === NEVER;
    return isSmall ? rest : this.grammar.define('properties', this.rule.pointer, rest);
  }

  /** @param row what follows the field, by the number of properties written then */
  #before(field: Field, row: readonly Expression[]): Expression[] {
    const whole = sequence(jsonKey(field.name), field.value);
    // It is written once for each row that has a choice.
    const pair = field.required ? whole : this.grammar.define('property', this.rule.pointer, whole);
    return row.map((without, written) => {
      const after = written >= this.rule.count.max ? NEVER : (row[Math.min(written + 1, this.cap)] as Expression);
      const separated = sequence(this.#separator(written), pair);
      if (field.required) return sequence(separated, after);
      if (written > 0 && !this.isCounted) return sequence(optional(separated), without);
      return choice(sequence(separated, after), without);
    });
  }

  #separator(written: number): Expression {
    return written === 0 ? this.#gap : sequence(literal(','), this.#gap);
  }

  /** Free properties, then the closing brace. One of them counts for the minimum; two could be the same key. */
  #end(written: number): Expression {
    const { free, count, fields } = this.rule;
    const missing = count.min - written;
    const close = written === 0 ? literal('}') : sequence(this.#gap, literal('}'));
    if (!free) return missing > 0 && this.isCounted ? NEVER : close;
    if (missing > 1) return NEVER;
    const names = fields.map(({ name }) => name);
    const property = freeProperty(this.grammar, names, free);
    const more = sequence(literal(','), this.#gap, property);
    const room = this.isCounted ? count.max - written : Number.POSITIVE_INFINITY;
    const least = this.isCounted && missing > 0 ? 1 : 0;
    if (written > 0) return sequence(repeat(more, least, room), close);
    const some = room < 1 ? NEVER : sequence(this.#gap, property, repeat(more, 0, room - 1), this.#gap, literal('}'));
    return least === 1 ? some : choice(some, close);
  }
}
