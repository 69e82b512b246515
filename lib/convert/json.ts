import { ModelFormatError } from '../errors.js';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Levels of nesting; the files of a checkpoint have six. What recurses over a value must not meet a deeper one. */
const MAX_DEPTH = 64;
const [QUOTE, OPENING_BRACE, CLOSING_BRACE, OPENING_BRACKET, CLOSING_BRACKET] = [0x22, 0x7b, 0x7d, 0x5b, 0x5d];
const SHOWN_CHARACTERS = 100;
const SHOWN_ITEMS = 32;

/** Whether a value is a number that stays finite in single precision. */
export function isSingle(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(Math.fround(value));
}

/** Parses a JSON file whose root must be an object. */
export function parseObject(text: string, file: string): JsonObject {
  if (isDeeper(text, MAX_DEPTH)) {
    throw new ModelFormatError(`${file} is nested deeper than the ${MAX_DEPTH} levels allowed`);
  }
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

/** Whether brackets outside of strings are open to more than `limit` at once. The text need not be valid. */
function isDeeper(text: string, limit: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === QUOTE) i = endOfString(text, i);
    else if (character === OPENING_BRACE || character === OPENING_BRACKET) depth++;
    else if (character === CLOSING_BRACE || character === CLOSING_BRACKET) depth--;
    if (depth > limit) return true;
  }
  return false;
}

/** Where the string that begins at `start` has its closing quote; the end of the text when it has none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

/** A value as error messages show it: JSON, cut where it is long or deep. */
export function excerpt(value: unknown, levels = 2): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, SHOWN_CHARACTERS));
  if (typeof value !== 'object' || value === null) return String(value);
  if (levels === 0) return '…';
  const isList = Array.isArray(value);
  const items = isList
    ? value.slice(0, SHOWN_ITEMS).map((item) => excerpt(item, levels - 1))
    : Object.keys(value)
        .slice(0, SHOWN_ITEMS)
        .map((key) => `${excerpt(key)}:${excerpt(Reflect.get(value, key), levels - 1)}`);
  const text = items.join().slice(0, SHOWN_CHARACTERS);
  return isList ? `[${text}]` : `{${text}}`;
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

  /** A number above zero that is one in single precision too, which is what the file holds. */
  positive(key: string, fallback: number): number {
    const value = this.value(key) ?? fallback;
    if (!isSingle(value) || Math.fround(value) <= 0) {
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
    return new ModelFormatError(`${this.where}: ${key} is ${excerpt(value)}; it must be ${expected}`);
  }
}
