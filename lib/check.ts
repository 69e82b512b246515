/**
 * Validation of what callers pass, in one sentence form:
 * "Expected {what} for {name} but received {value}". Every function returns the value it has checked.
 */

import { InvalidArgumentError } from './errors.js';

const SHOWN_CHARACTERS = 80;

/** A value as it appears in an error message: short, one line, strings in quotes. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    const cut = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value;
    return JSON.stringify(cut);
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) {
    return Object.is(value, -0) ? '-0' : String(value);
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === 'string' && name !== 'Object' ? `a ${name}` : 'an object';
}

export function fail(name: string, what: string, value: unknown): never {
  throw new InvalidArgumentError(`Expected ${what} for ${name} but received ${show(value)}`);
}

export interface NumberRange {
  min?: number;
  max?: number;
  /** The lower bound itself is not allowed. */
  above?: number;
}

function rangeText(kind: string, { min, max, above }: NumberRange): string {
  if (above !== undefined)
    return max === undefined ? `${kind} above ${above}` : `${kind} above ${above} and up to ${max}`;
  if (min !== undefined && max !== undefined) return `${kind} from ${min} to ${max}`;
  if (min !== undefined) return `${kind} of at least ${min}`;
  if (max !== undefined) return `${kind} of at most ${max}`;
  return kind;
}

function inRange(value: number, { min, max, above }: NumberRange): boolean {
  return (
    (min === undefined || value >= min) && (max === undefined || value <= max) && (above === undefined || value > above)
  );
}

export function checkNumber(name: string, value: unknown, range: NumberRange = {}): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || !inRange(value, range)) {
    fail(name, rangeText('a number', range), value);
  }
  return value;
}

export function checkInteger(name: string, value: unknown, range: NumberRange = {}): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || !inRange(value, range)) {
    fail(name, rangeText('an integer', range), value);
  }
  return value;
}

export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') fail(name, 'true or false', value);
  return value;
}

export function checkString(name: string, value: unknown): string {
  if (typeof value !== 'string') fail(name, 'a string', value);
  return value;
}

/** A string with something else in it than white space. */
export function checkText(name: string, value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '') fail(name, 'a text that is not empty', value);
  return value;
}

export function checkOneOf<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  if (!choices.includes(value as T)) fail(name, `one of ${choices.map(show).join(', ')}`, value);
  return value as T;
}

export function checkFunction<T>(name: string, value: T): T {
  if (typeof value !== 'function') fail(name, 'a function', value);
  return value;
}

export function checkSignal(name: string, value: unknown): AbortSignal {
  if (!(value instanceof AbortSignal)) fail(name, 'an AbortSignal', value);
  return value;
}

/** A plain options object; a key that is not known is refused, so that a misspelling does not pass in silence. */
export function checkOptions<T extends object>(
  name: string,
  value: T | undefined,
  known: readonly string[],
): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(name, 'an object', value);
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw new InvalidArgumentError(`Unknown option ${show(key)} in ${name}: known are ${known.join(', ')}`);
    }
  }
  return value;
}
