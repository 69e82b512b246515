/** The parts of a schema by their place: subschemas, and what a local `$ref` points to. */

import type { JsonMap, JsonValue } from './plain-copy.js';
import { child, refuse } from './refuse.js';

/** A subschema. The same place is always the same object. */
export interface SchemaPart {
  /** As a fragment: "#/properties/name". */
  readonly pointer: string;
  readonly value: boolean | JsonMap;
}

export class SchemaDocument {
  readonly #root: JsonValue;
  readonly #parts = new Map<string, SchemaPart>();

  constructor(root: JsonValue) {
    this.#root = root;
  }

  get root(): SchemaPart {
    return this.part('#', this.#root);
  }

  /** @throws InvalidArgumentError when the value is no schema */
  part(pointer: string, value: JsonValue): SchemaPart {
    const known = this.#parts.get(pointer);
    if (known) return known;
    if (typeof value !== 'boolean' && !isMap(value)) {
      refuse(pointer, `a schema is an object, true or false; this is ${describe(value)}`);
    }
    const part = { pointer, value };
    this.#parts.set(pointer, part);
    return part;
  }

  /** The schema that `$ref` at `pointer` names. @throws InvalidArgumentError when it is not in this document */
  resolve(pointer: string, ref: JsonValue): SchemaPart {
    const place = child(pointer, '$ref');
    if (typeof ref !== 'string') refuse(place, `"$ref" must be a text, not ${describe(ref)}`);
    if (!ref.startsWith('#')) {
      refuse(place, `"$ref" to another document (${shown(ref)}) is not followed: put that schema in "$defs"`);
    }
    if (ref !== '#' && !ref.startsWith('#/')) {
      refuse(place, `"$ref" to an anchor (${shown(ref)}) is not followed: write a JSON pointer such as "#/$defs/name"`);
    }
    let target = this.#root;
    let at = '#';
    for (const step of this.#steps(place, ref)) {
      const next = isMap(target) ? target.get(step) : isArray(target) && /^\d+$/.test(step) ? target[+step] : undefined;
      if (next === undefined)
        refuse(place, `"$ref" ${shown(ref)} leads nowhere: nothing is at ${shown(child(at, step))}`);
      target = next;
      at = child(at, step);
    }
    return this.part(at, target);
  }

  #steps(place: string, ref: string): string[] {
    try {
      const steps = decodeURIComponent(ref).split('/').slice(1);
      return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    } catch {
      refuse(place, `"$ref" ${shown(ref)} is not a well-formed URI fragment: check its % escapes`);
    }
  }
}

export function isMap(value: JsonValue | undefined): value is JsonMap {
  return value instanceof Map;
}

export function isArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** A JSON value as it appears in a message. */
export function describe(value: JsonValue): string {
  if (isMap(value)) return 'an object';
  if (isArray(value)) return `an array of ${value.length}`;
  return shown(value);
}

function shown(value: string | number | boolean | null): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
