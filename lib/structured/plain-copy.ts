/**
 * Reads a schema once, into values of our own: the caller's object may change, be a Proxy, have getters that throw or a
 * key named `__proto__`. What comes out is a finite tree of JSON values with objects as maps; nothing after this file
 * touches the caller's object.
 */

import { show } from '../check.js';
import { BllossomError, InvalidArgumentError } from '../errors.js';
import { child, refuse } from './refuse.js';

export type JsonMap = ReadonlyMap<string, JsonValue>;
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonMap;

export const SCHEMA_LIMITS = {
  /** Objects and arrays inside one another. */
  depth: 64,
  /** Values, counted one by one. */
  nodes: 10_000,
  /** UTF-16 units of all strings and keys together. */
  characters: 1_000_000,
};

interface Budget {
  nodes: number;
  characters: number;
  /** The objects that are being read, to find a cycle. */
  open: Set<object>;
}

/** @throws InvalidArgumentError with the place when it is not JSON, or beyond a limit */
export function plainCopy(schema: unknown): JsonValue {
  try {
    return copy(schema, '#', { nodes: 0, characters: 0, open: new Set() });
  } catch (error) {
    if (error instanceof BllossomError) throw error;
    throw new InvalidArgumentError(`The schema could not be read: ${reason(error)}. Pass a plain JSON object`, {
      cause: error,
    });
  }
}

function reason(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message).slice(0, 200) : show(error);
  } catch {
    return 'reading it threw';
  }
}

function copy(value: unknown, pointer: string, budget: Budget): JsonValue {
  if (++budget.nodes > SCHEMA_LIMITS.nodes) {
    refuse(
      pointer,
      `this is value ${SCHEMA_LIMITS.nodes + 1}; a schema may have ${SCHEMA_LIMITS.nodes}: make it smaller`,
    );
  }
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return copyString(value, pointer, budget);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) refuse(pointer, `${value} is not a JSON number: give a finite one`);
    return value;
  }
  if (typeof value !== 'object') refuse(pointer, `${show(value)} is not JSON: a schema is plain JSON values`);
  if (budget.open.has(value)) refuse(pointer, 'the object contains itself: write recursion as "$ref"');
  if (budget.open.size >= SCHEMA_LIMITS.depth) {
    refuse(pointer, `it is nested deeper than ${SCHEMA_LIMITS.depth} levels: move parts to "$defs" and use "$ref"`);
  }
  budget.open.add(value);
  const result = Array.isArray(value) ? copyArray(value, pointer, budget) : copyObject(value, pointer, budget);
  budget.open.delete(value);
  return result;
}

function copyString(value: string, pointer: string, budget: Budget): string {
  budget.characters += value.length;
  if (budget.characters > SCHEMA_LIMITS.characters) {
    refuse(pointer, `its texts are longer than ${SCHEMA_LIMITS.characters} characters together: shorten them`);
  }
  if (/\p{Surrogate}/u.test(value))
    refuse(pointer, 'a text has half of a surrogate pair, which no UTF-8 text can hold');
  return value;
}

function copyArray(value: readonly unknown[], pointer: string, budget: Budget): JsonValue[] {
  const items: JsonValue[] = [];
  const length = value.length;
  for (let i = 0; i < length; i++) items.push(copy(value[i], child(pointer, i), budget));
  return items;
}

/** A key whose value is undefined counts as absent, as it does for `JSON.stringify`. */
function copyObject(value: object, pointer: string, budget: Budget): JsonMap {
  const prototype: unknown = Object.getPrototypeOf(value);
  // The second test lets plain objects of another realm through (a vm context, a worker's message).
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    refuse(pointer, `${show(value)} is not JSON: a schema is plain objects`);
  }
  const entries = new Map<string, JsonValue>();
  for (const key of Object.keys(value)) {
    const place = child(pointer, key);
    copyString(key, place, budget);
    const item = (value as Record<string, unknown>)[key];
    if (item !== undefined) entries.set(key, copy(item, place, budget));
  }
  return entries;
}
