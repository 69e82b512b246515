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

/** @throws InvalidArgumentError with the place when it is not JSON, or beyond a limit */
export function plainCopy(schema: unknown): JsonValue {
  try {
    return new SchemaReader().copy(schema);
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

class SchemaReader {
  #nodes = 0;
  #characters = 0;
  /** The steps to the value that is being read. */
  readonly #path: (string | number)[] = [];
  /** The objects around it, to find a cycle. */
  readonly #open = new Set<object>();

  copy(value: unknown): JsonValue {
    const { nodes, depth } = SCHEMA_LIMITS;
    if (++this.#nodes > nodes) {
      this.#refuse(`this is value ${nodes + 1}; a schema may have ${nodes}: make it smaller`);
    }
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'string') return this.#checked(value);
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) this.#refuse(`${value} is not a JSON number: give a finite one`);
      return value;
    }
    if (typeof value !== 'object') this.#refuse(`${show(value)} is not JSON: a schema is plain JSON values`);
    if (this.#open.has(value)) this.#refuse('the object contains itself: write recursion as "$ref"');
    if (this.#open.size >= depth) {
      this.#refuse(`it is nested deeper than ${depth} levels: move parts to "$defs" and use "$ref"`);
    }
    this.#open.add(value);
    const result = Array.isArray(value) ? this.#array(value) : this.#object(value);
    this.#open.delete(value);
    return result;
  }

  #refuse(problem: string): never {
    refuse(this.#path.reduce<string>(child, '#'), problem);
  }

  #checked(text: string): string {
    this.#characters += text.length;
    const { characters } = SCHEMA_LIMITS;
    if (this.#characters > characters) {
      this.#refuse(`its texts are longer than ${characters} characters together: shorten them`);
    }
    if (/\p{Surrogate}/u.test(text)) this.#refuse('a text has half of a surrogate pair, which no UTF-8 text can hold');
    return text;
  }

  #inside(step: string | number, read: () => JsonValue): JsonValue {
    this.#path.push(step);
    const result = read();
    this.#path.pop();
    return result;
  }

  #array(value: readonly unknown[]): JsonValue[] {
    const items: JsonValue[] = [];
    const length = value.length;
    for (let i = 0; i < length; i++) items.push(this.#inside(i, () => this.copy(value[i])));
    return items;
  }

  /** A key whose value is undefined counts as absent, as it does for `JSON.stringify`. */
  #object(value: object): JsonMap {
    const prototype: unknown = Object.getPrototypeOf(value);
    // The second test lets plain objects of another realm through (a vm context, a worker's message).
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      this.#refuse(`${show(value)} is not JSON: a schema is plain objects`);
    }
    const entries = new Map<string, JsonValue>();
    for (const key of Object.keys(value)) {
      this.#inside(key, () => this.#checked(key));
      const item = (value as Record<string, unknown>)[key];
      if (item !== undefined)
        entries.set(
          key,
          this.#inside(key, () => this.copy(item)),
        );
    }
    return entries;
  }
}
