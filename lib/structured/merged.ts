/** The keywords of several schema objects that hold together, as one. */

import type { Bound } from './decimals.js';
import { TYPE_NAMES, type TypeName } from './keyword-table.js';
import type { Keywords } from './keywords.js';
import { isMultiple } from './number-rule.js';
import type { JsonValue } from './plain-copy.js';
import { child, refuse } from './refuse.js';
import { isArray, isMap } from './schema-document.js';
import type { StringRule } from './strings.js';

export interface NumberRule {
  pointer: string;
  low: Bound | undefined;
  high: Bound | undefined;
  steps: number[];
}

export interface Merged {
  /** The first of them, for messages. */
  pointer: string;
  /** "integer" is there only without "number". */
  types: ReadonlySet<TypeName>;
  /** The types that a validator accepts: all, where no `type` is written. */
  accepted: ReadonlySet<TypeName>;
  /** Nothing narrows it: any JSON value. */
  isAny: boolean;
  /** The only values, of the right types and lengths and in range. */
  values: JsonValue[] | undefined;
  string: StringRule;
  number: NumberRule;
  /** Those with keywords of arrays. */
  arrays: Keywords[];
  /** Those with keywords of objects. */
  objects: Keywords[];
}

export function merge(all: readonly Keywords[]): Merged {
  const pointer = all[0]?.pointer ?? '#';
  const explicit = all.flatMap(({ types }) => (types ? [types] : []));
  const lists = all.flatMap(({ values }) => values);
  const implied = new Set(all.flatMap((keywords) => [...keywords.implied]));
  const types = commonTypes(explicit.length > 0 || lists.length > 0 || implied.size === 0 ? explicit : [implied]);
  const merged: Merged = {
    pointer,
    types,
    accepted: commonTypes(explicit),
    isAny: explicit.length === 0 && lists.length === 0 && implied.size === 0,
    values: undefined,
    string: mergeStrings(pointer, all),
    number: mergeNumbers(pointer, all),
    arrays: all.filter((keywords) => keywords.implied.has('array')),
    objects: all.filter((keywords) => keywords.implied.has('object')),
  };
  const [first, ...others] = lists;
  if (!first) return merged;
  const seen = new Set<string>();
  const keys = others.map((list) => new Set(list.map(canonical)));
  const common = first.filter((value) => keys.every((list) => list.has(canonical(value))));
  const values = common.filter((value) => {
    const key = canonical(value);
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew && isAllowed(value, merged);
  });
  return { ...merged, values };
}

/** What all lists allow; every integer is a number. */
function commonTypes(lists: readonly ReadonlySet<TypeName>[]): ReadonlySet<TypeName> {
  const allows = (list: ReadonlySet<TypeName>, type: TypeName) =>
    list.has(type) || (type === 'integer' && list.has('number'));
  const common = new Set(TYPE_NAMES.filter((type) => lists.every((list) => allows(list, type))));
  if (common.has('number')) common.delete('integer');
  return common;
}

function mergeStrings(pointer: string, all: readonly Keywords[]): StringRule {
  return {
    pointer: all.find(({ pattern, format }) => (pattern ?? format) !== undefined)?.pointer ?? pointer,
    length: {
      min: Math.max(0, ...all.map(({ length }) => length.min)),
      max: Math.min(Number.POSITIVE_INFINITY, ...all.map(({ length }) => length.max)),
    },
    patterns: all.flatMap(({ pattern }) => pattern ?? []),
    formats: all.flatMap(({ format }) => format ?? []),
  };
}

function mergeNumbers(pointer: string, all: readonly Keywords[]): NumberRule {
  const bounds = (values: (number | undefined)[], included: boolean): Bound[] =>
    values.flatMap((value) => (value === undefined ? [] : [{ value, included }]));
  const lows = [
    ...bounds(
      all.map((each) => each.minimum),
      true,
    ),
    ...bounds(
      all.map((each) => each.exclusiveMinimum),
      false,
    ),
  ];
  const highs = [
    ...bounds(
      all.map((each) => each.maximum),
      true,
    ),
    ...bounds(
      all.map((each) => each.exclusiveMaximum),
      false,
    ),
  ];
  const strict = (a: Bound, b: Bound) => Number(a.included) - Number(b.included);
  return {
    pointer: all.find(({ implied }) => implied.has('number'))?.pointer ?? pointer,
    low: lows.sort((a, b) => b.value - a.value || strict(a, b))[0],
    high: highs.sort((a, b) => a.value - b.value || strict(a, b))[0],
    steps: [...new Set(all.flatMap(({ multipleOf }) => multipleOf ?? []))],
  };
}

export function typeOf(value: JsonValue): TypeName {
  if (value === null) return 'null';
  if (isArray(value)) return 'array';
  if (isMap(value)) return 'object';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value === 'string' ? 'string' : 'boolean';
}

/** Whether a value of `enum` or `const` satisfies the other keywords. @throws where that is not worked out */
function isAllowed(value: JsonValue, merged: Merged): boolean {
  const type = typeOf(value);
  if (!merged.types.has(type) && !(type === 'integer' && merged.types.has('number'))) return false;
  if (typeof value === 'string') return isStringAllowed(value, merged.string);
  if (typeof value === 'number') return isNumberAllowed(value, merged.number);
  const beside = type === 'array' ? merged.arrays[0] : type === 'object' ? merged.objects[0] : undefined;
  if (beside) {
    refuse(beside.pointer, `"enum" and "const" with ${type}s stand beside other keywords for them: remove one side`);
  }
  return true;
}

function isStringAllowed(value: string, { pointer, length, patterns, formats }: StringRule): boolean {
  if (patterns.length > 0 || formats.length > 0) {
    const keyword = patterns.length > 0 ? 'pattern' : 'format';
    refuse(child(pointer, keyword), `"${keyword}" stands beside "enum" or "const": remove it, the values say enough`);
  }
  const count = Array.from(value).length;
  return count >= length.min && count <= length.max;
}

function isNumberAllowed(value: number, { low, high, steps }: NumberRule): boolean {
  if (low && (value < low.value || (value === low.value && !low.included))) return false;
  if (high && (value > high.value || (value === high.value && !high.included))) return false;
  return steps.every((step) => isMultiple(value, step));
}

/** A text that two values share when they are equal in the sense of JSON Schema. */
export function canonical(value: JsonValue): string {
  if (isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isMap(value)) return JSON.stringify(value);
  const entries = Array.from(value, ([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`);
  return `{${entries.sort().join()}}`;
}
