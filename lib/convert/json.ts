import { ModelFormatError } from '../errors.js';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses a JSON file whose root must be an object. */
export function parseObject(text: string, file: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ModelFormatError(`${file} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(value)) {
    throw new ModelFormatError(`${file} must hold a JSON object`);
  }
  return value;
}

/** Typed reads of one JSON object. A key that is absent or null takes the default; a value of a wrong kind is an error. */
export class JsonReader {
  constructor(
    readonly object: JsonObject,
    /** For messages, e.g. "config.json text_config". */
    readonly where: string,
  ) {}

  /** The value of the first of the keys that is there. */
  value(...keys: string[]): unknown {
    for (const key of keys) {
      const value = this.object[key];
      if (Object.hasOwn(this.object, key) && value !== null) {
        return value;
      }
    }
    return undefined;
  }

  /** The object under a key; an empty one when it is absent. */
  child(...keys: string[]): JsonReader {
    const value = this.value(...keys) ?? {};
    if (!isObject(value)) {
      throw this.wrong(keys[0], value, 'an object');
    }
    return new JsonReader(value, `${this.where} ${keys[0]}`);
  }

  /** An integer from `minimum` up. Several keys are spellings of one. */
  integer(keys: string | string[], fallback: number, minimum = 1): number {
    const value = this.value(...[keys].flat()) ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > 0x7fffffff) {
      throw this.wrong([keys].flat()[0], value, `an integer from ${minimum}`);
    }
    return value as number;
  }

  /** A finite number above zero. */
  positive(key: string, fallback: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
      throw this.wrong(key, value, 'a number above 0');
    }
    return value;
  }

  text(keys: string | string[], fallback: string): string {
    const value = this.value(...[keys].flat()) ?? fallback;
    if (typeof value !== 'string') {
      throw this.wrong([keys].flat()[0], value, 'a string');
    }
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    if (typeof value !== 'boolean') {
      throw this.wrong(key, value, 'true or false');
    }
    return value;
  }

  /** Integers from 0 up. */
  integers(key: string, fallback: readonly number[]): number[] {
    const value = this.value(key) ?? fallback;
    if (!Array.isArray(value) || !value.every((item) => Number.isSafeInteger(item) && item >= 0)) {
      throw this.wrong(key, value, 'an array of integers from 0');
    }
    return [...value];
  }

  wrong(key: string | undefined, value: unknown, expected: string): ModelFormatError {
    const seen = JSON.stringify(value) ?? String(value);
    return new ModelFormatError(`${this.where}: ${key} is ${seen.slice(0, 100)}; it must be ${expected}`);
  }
}
