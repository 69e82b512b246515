/**
 * A JSON Schema (draft 2020-12; `definitions` and item arrays of draft-07 too) as a grammar whose every text is valid
 * under the schema.
 *
 * The unit is a set of subschemas that hold together; each set becomes one rule, made when it is first referred to and
 * worked off one after another, so that recursion in a schema is recursion in the grammar and never in this code.
 */

import { alternatives, gather, type Split } from './alternatives.js';
import { anyArray, anyString, anyValue, boolean } from './any-json.js';
import { arrayExpression } from './arrays.js';
import { checkExclusive } from './disjoint.js';
import { choice, type Expression, literal, NEVER } from './expression.js';
import { Grammar } from './grammar.js';
import { jsonLiteral } from './json-text.js';
import type { TypeName } from './keyword-table.js';
import { type Keywords, readKeywords } from './keywords.js';
import { oneOfTexts } from './literals.js';
import { type Merged, merge } from './merged.js';
import { numberExpression } from './number-rule.js';
import { objectExpression } from './objects.js';
import { type JsonMap, plainCopy } from './plain-copy.js';
import { propertyRule } from './property-names.js';
import { SchemaDocument, type SchemaPart } from './schema-document.js';
import { stringExpression } from './strings.js';

export interface SchemaGrammarOptions {
  /** `maxLength` counts UTF-16 units, as zod and others do, not code points. */
  countUnits?: boolean;
}

/** @throws InvalidArgumentError naming the place, the keyword and what to do */
export function schemaGrammar(schema: unknown, { countUnits = false }: SchemaGrammarOptions = {}): string {
  return new SchemaCompiler(new SchemaDocument(plainCopy(schema)), countUnits).text();
}

/** Any object or array. */
export function jsonGrammar(): string {
  return schemaGrammar({ type: ['object', 'array'] });
}

type Rule = Expression & { kind: 'rule' };

class SchemaCompiler {
  readonly #document: SchemaDocument;
  readonly #grammar = new Grammar();
  readonly #countUnits: boolean;
  readonly #rules = new Map<string, Rule>();
  readonly #keywords = new Map<string, Keywords>();
  readonly #open: { rule: Rule; make: () => Expression }[] = [];

  constructor(document: SchemaDocument, countUnits: boolean) {
    this.#document = document;
    this.#countUnits = countUnits;
  }

  text(): string {
    const root = this.#ruleFor([this.#document.root]);
    for (let next = this.#open.pop(); next; next = this.#open.pop()) this.#grammar.complete(next.rule, next.make());
    return this.#grammar.toText(root);
  }

  /** What is valid under all of the schemas; with none, any value. */
  #ruleFor(parts: readonly SchemaPart[]): Expression {
    const narrowing = parts.filter(({ value }) => value !== true);
    if (narrowing.length === 0) return anyValue(this.#grammar);
    const pointers = [...new Set(narrowing.map(({ pointer }) => pointer))].sort();
    return this.#later(`set ${pointers.join(' ')}`, pointers[0] as string, () => this.#setExpression(narrowing));
  }

  #later(key: string, pointer: string, make: () => Expression): Expression {
    const known = this.#rules.get(key);
    if (known) return known;
    const rule = this.#grammar.declare(stemOf(pointer), pointer);
    this.#rules.set(key, rule);
    this.#open.push({ rule, make });
    return rule;
  }

  #setExpression(parts: readonly SchemaPart[]): Expression {
    const { own, splits, impossible } = gather(this.#document, parts);
    if (impossible) return this.#grammar.impossible(impossible.pointer, 'the schema false allows nothing');
    const check = (each: Split) => checkExclusive(this.#document, each);
    const [split] = splits.values();
    // Alternatives with nothing beside them keep their own rules, which recursion needs.
    if (split && splits.size === 1 && own.size === 0) {
      check(split);
      return choice(...split.members.map((member) => this.#ruleFor([member])));
    }
    const groups = alternatives(this.#document, parts, check);
    return choice(
      ...groups.map((group) => {
        if (group.impossible) return this.#grammar.impossible(group.impossible.pointer, 'it is the schema false');
        const all = Array.from(group.own.values(), ({ pointer, value }) => this.#read(pointer, value));
        if (groups.length === 1) return this.#groupExpression(all);
        const key = all.map(({ pointer }) => pointer).sort();
        return this.#later(`group ${key.join(' ')}`, key[0] ?? '#', () => this.#groupExpression(all));
      }),
    );
  }

  #read(pointer: string, value: JsonMap): Keywords {
    const known = this.#keywords.get(pointer) ?? readKeywords(this.#document, pointer, value);
    this.#keywords.set(pointer, known);
    return known;
  }

  #groupExpression(all: readonly Keywords[]): Expression {
    const merged = merge(all);
    if (merged.isAny) return anyValue(this.#grammar);
    const { pointer, values, types } = merged;
    if (values) {
      if (values.length === 0) return this.#grammar.impossible(pointer, 'no value of "enum" or "const" is allowed');
      const scalars = values.filter((value) => value === null || typeof value !== 'object');
      const structures = values.filter((value) => value !== null && typeof value === 'object');
      const texts = scalars.map((value) => JSON.stringify(value));
      const scalar = texts.length > 0 ? oneOfTexts(this.#grammar, pointer, texts) : NEVER;
      return choice(scalar, ...structures.map(jsonLiteral));
    }
    if (types.size === 0) return this.#grammar.impossible(pointer, 'its types exclude one another');
    return choice(...Array.from(types, (type) => this.#typeExpression(type, merged)));
  }

  #typeExpression(type: TypeName, merged: Merged): Expression {
    const grammar = this.#grammar;
    switch (type) {
      case 'null':
        return literal('null');
      case 'boolean':
        return boolean(grammar);
      case 'integer':
      case 'number':
        return numberExpression(grammar, merged.number, type === 'integer');
      case 'string':
        return this.#string(merged);
      case 'array':
        return this.#array(merged);
      case 'object':
        return this.#object(merged);
    }
  }

  #string({ string }: Merged): Expression {
    const { length, patterns, formats } = string;
    const isFree =
      length.min === 0 && length.max === Number.POSITIVE_INFINITY && patterns.length + formats.length === 0;
    if (isFree) return anyString(this.#grammar);
    if (length.min > length.max) {
      return this.#grammar.impossible(string.pointer, `no length is from ${length.min} to ${length.max}`);
    }
    return stringExpression(this.#grammar, string, this.#countUnits);
  }

  #array({ pointer, arrays }: Merged): Expression {
    if (arrays.length === 0) return anyArray(this.#grammar);
    const longest = Math.max(...arrays.map(({ prefixItems }) => prefixItems.length));
    const partsAt = (i: number) => arrays.flatMap(({ prefixItems, items }) => prefixItems[i] ?? items ?? []);
    const listed = Array.from({ length: longest }, (_, i) => partsAt(i));
    const end = listed.findIndex((parts) => parts.some(({ value }) => value === false));
    const first = end < 0 ? listed : listed.slice(0, end);
    const shared = arrays.flatMap(({ items }) => items ?? []);
    const min = Math.max(...arrays.map(({ itemCount }) => itemCount.min));
    const max = Math.min(...arrays.map(({ itemCount }) => itemCount.max));
    // "prefixItems" alone means all of them, as a tuple does, and no others.
    const least = arrays.some(({ hasMinItems }) => hasMinItems) ? min : Math.min(first.length, max);
    const goesOn = end < 0 && (shared.length > 0 || longest === 0 || min > longest);
    const isClosed = shared.some(({ value }) => value === false);
    if (least > max || (least > first.length && (!goesOn || isClosed))) {
      return this.#grammar.impossible(
        pointer,
        `no array has ${least} items and at most ${Math.min(max, first.length)}`,
      );
    }
    return arrayExpression(this.#grammar, {
      pointer,
      first: first.map((parts) => this.#ruleFor(parts)),
      others: goesOn && !isClosed ? this.#ruleFor(shared) : undefined,
      count: { min: least, max },
    });
  }

  #object({ pointer, objects }: Merged): Expression {
    const rule = propertyRule(this.#document, pointer, objects);
    if (rule.count.min > rule.count.max) {
      return this.#grammar.impossible(pointer, `no count is from ${rule.count.min} to ${rule.count.max}`);
    }
    return objectExpression(this.#grammar, {
      ...rule,
      fields: rule.fields.map(({ name, parts, required }) => ({ name, value: this.#ruleFor(parts), required })),
      free: rule.free && this.#ruleFor(rule.free),
    });
  }
}

/** The last name of a place, for the reader of a grammar. */
function stemOf(pointer: string): string {
  const name =
    pointer
      .split('/')
      .at(-1)
      ?.replace(/[^a-zA-Z0-9]/g, '') ?? '';
  return `at-${name.slice(0, 24) || 'schema'}`;
}
