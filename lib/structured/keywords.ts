/** The keywords of one schema object, checked and typed. */

import { MAX_REPETITION } from './expression.js';
import {
  ANNOTATIONS,
  COMPOSITION,
  ENFORCED,
  OF_ARRAY,
  OF_NUMBER,
  OF_OBJECT,
  OF_STRING,
  REFUSED,
  TYPE_NAMES,
  type TypeName,
} from './keyword-table.js';
import type { JsonMap, JsonValue } from './plain-copy.js';
import { child, refuse } from './refuse.js';
import { describe, isArray, isMap, type SchemaDocument, type SchemaPart } from './schema-document.js';

/** Lower and upper bound of a count. */
export interface Counts {
  min: number;
  max: number;
}

export interface Keywords {
  readonly pointer: string;
  /** As written; absent when any type is allowed. */
  readonly types: ReadonlySet<TypeName> | undefined;
  /** `enum` and `const`, each a list of values that are allowed. */
  readonly values: readonly (readonly JsonValue[])[];
  /** The types that its keywords speak of: what the author means when there is no `type`. */
  readonly implied: ReadonlySet<TypeName>;
  readonly length: Counts;
  readonly pattern: string | undefined;
  readonly format: string | undefined;
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly exclusiveMinimum: number | undefined;
  readonly exclusiveMaximum: number | undefined;
  readonly multipleOf: number | undefined;
  readonly prefixItems: readonly SchemaPart[];
  readonly items: SchemaPart | undefined;
  readonly itemCount: Counts;
  /** `minItems` was written, so an array may be shorter than its `prefixItems`. */
  readonly hasMinItems: boolean;
  readonly properties: ReadonlyMap<string, SchemaPart> | undefined;
  readonly required: readonly string[];
  readonly additionalProperties: SchemaPart | undefined;
  readonly propertyNames: SchemaPart | undefined;
  readonly propertyCount: Counts;
}

/** @throws InvalidArgumentError naming the place, the keyword and what to do */
export function readKeywords(document: SchemaDocument, pointer: string, schema: JsonMap): Keywords {
  const read = new KeywordReader(document, pointer, schema);
  const items = schema.get('items');
  const oldTuple = isArray(items);
  const result: Keywords = {
    pointer,
    types: read.types(),
    values: read.values(),
    implied: impliedTypes(schema),
    length: read.counts('minLength', 'maxLength'),
    pattern: read.text('pattern'),
    format: read.text('format'),
    minimum: read.number('minimum'),
    maximum: read.number('maximum'),
    exclusiveMinimum: read.number('exclusiveMinimum'),
    exclusiveMaximum: read.number('exclusiveMaximum'),
    multipleOf: read.number('multipleOf'),
    prefixItems: read.parts(oldTuple ? 'items' : 'prefixItems'),
    items: read.part(oldTuple ? 'additionalItems' : 'items'),
    itemCount: read.counts('minItems', 'maxItems'),
    hasMinItems: schema.has('minItems'),
    properties: read.properties(),
    required: read.required(),
    additionalProperties: read.part('additionalProperties'),
    propertyNames: read.part('propertyNames'),
    propertyCount: read.counts('minProperties', 'maxProperties'),
  };
  if (result.multipleOf !== undefined && result.multipleOf <= 0) read.wrong('multipleOf', 'a number above 0');
  return result;
}

/** Refuses what cannot be enforced and what is not known, so that nothing is ignored in silence. */
export function checkKeywordNames(pointer: string, schema: JsonMap): void {
  for (const keyword of schema.keys()) {
    if (ENFORCED.has(keyword) || COMPOSITION.has(keyword) || ANNOTATIONS.has(keyword) || keyword.startsWith('x-')) {
      continue;
    }
    const advice = REFUSED.get(keyword);
    const name = JSON.stringify(keyword.slice(0, 80));
    if (advice) refuse(pointer, `the keyword ${name} cannot be enforced while text is generated: ${advice}`);
    refuse(pointer, `the keyword ${name} is not known: check its spelling, or begin it with "x-"`);
  }
}

/** Whether a schema object constrains by itself, not only through others. */
export function hasOwnKeywords(schema: JsonMap): boolean {
  return [...schema.keys()].some((keyword) => ENFORCED.has(keyword));
}

const KEYWORDS_OF_TYPES: readonly [TypeName, readonly string[]][] = [
  ['string', OF_STRING],
  ['number', OF_NUMBER],
  ['array', OF_ARRAY],
  ['object', OF_OBJECT],
];

function impliedTypes(schema: JsonMap): ReadonlySet<TypeName> {
  const spoken = KEYWORDS_OF_TYPES.filter(([, keywords]) => keywords.some((keyword) => schema.has(keyword)));
  return new Set(spoken.map(([type]) => type));
}

class KeywordReader {
  constructor(
    private readonly document: SchemaDocument,
    private readonly pointer: string,
    private readonly schema: JsonMap,
  ) {}

  wrong(keyword: string, what: string): never {
    const value = this.schema.get(keyword) as JsonValue;
    refuse(child(this.pointer, keyword), `"${keyword}" must be ${what}, not ${describe(value)}`);
  }

  types(): ReadonlySet<TypeName> | undefined {
    const value = this.schema.get('type');
    if (value === undefined) return undefined;
    const names = isArray(value) ? value : [value];
    const known: readonly JsonValue[] = TYPE_NAMES;
    if (names.length === 0 || !names.every((name) => known.includes(name))) {
      this.wrong('type', `one of ${TYPE_NAMES.join(', ')}, or an array of them`);
    }
    return new Set(names as TypeName[]);
  }

  values(): JsonValue[][] {
    const lists: JsonValue[][] = [];
    const list = this.schema.get('enum');
    if (list !== undefined) {
      if (!isArray(list) || list.length === 0) this.wrong('enum', 'an array with at least one value');
      lists.push([...list]);
    }
    const value = this.schema.get('const');
    if (value !== undefined) lists.push([value]);
    return lists;
  }

  number(keyword: string): number | undefined {
    const value = this.schema.get(keyword);
    if (value !== undefined && typeof value !== 'number') this.wrong(keyword, 'a number');
    return value;
  }

  text(keyword: string): string | undefined {
    const value = this.schema.get(keyword);
    if (value !== undefined && typeof value !== 'string') this.wrong(keyword, 'a text');
    return value;
  }

  counts(minKeyword: string, maxKeyword: string): Counts {
    const min = this.#count(minKeyword, 0);
    const max = this.#count(maxKeyword, Number.POSITIVE_INFINITY);
    if (min > MAX_REPETITION) {
      refuse(child(this.pointer, minKeyword), `"${minKeyword}" is ${min}; at most ${MAX_REPETITION} can be counted`);
    }
    if (max < min) {
      refuse(this.pointer, `"${maxKeyword}" ${max} is less than "${minKeyword}" ${min}: nothing can match both`);
    }
    // A shorter answer is a valid one, so a larger limit than can be counted is lowered.
    return { min, max: max === Number.POSITIVE_INFINITY ? max : Math.min(max, MAX_REPETITION) };
  }

  #count(keyword: string, initial: number): number {
    const value = this.schema.get(keyword);
    if (value === undefined) return initial;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) this.wrong(keyword, 'an integer from 0');
    return value;
  }

  part(keyword: string): SchemaPart | undefined {
    const value = this.schema.get(keyword);
    return value === undefined ? undefined : this.document.part(child(this.pointer, keyword), value);
  }

  parts(keyword: string): SchemaPart[] {
    const value = this.schema.get(keyword);
    if (value === undefined) return [];
    if (!isArray(value)) this.wrong(keyword, 'an array of schemas');
    const place = child(this.pointer, keyword);
    return value.map((item, i) => this.document.part(child(place, i), item));
  }

  properties(): ReadonlyMap<string, SchemaPart> | undefined {
    const value = this.schema.get('properties');
    if (value === undefined) return undefined;
    if (!isMap(value)) this.wrong('properties', 'an object of schemas');
    const place = child(this.pointer, 'properties');
    return new Map(Array.from(value, ([name, item]) => [name, this.document.part(child(place, name), item)]));
  }

  required(): string[] {
    const value = this.schema.get('required');
    if (value === undefined) return [];
    if (!isArray(value) || !value.every((name) => typeof name === 'string')) {
      this.wrong('required', 'an array of property names');
    }
    return [...new Set(value as string[])];
  }
}
