/**
 * Validation of what callers pass, in one sentence form:
 * "Expected {what} for {name} but received {value}". Every function returns the value it has checked.
 */

import { BllossomError, InvalidArgumentError } from './errors.js';

const SHOWN_CHARACTERS = 80;

/** A value as it appears in an error message: short, one line, strings in quotes. */
export function show(value: unknown): string {
  try {
    return describe(value);
  } catch {
    return 'an object that cannot be read'; // a proxy, or a constructor that is a getter
  }
}

function describe(value: unknown): string {
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

/** The path of a file: a text that the operating system takes whole. */
export function checkPath(name: string, value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '' || value.includes('\0')) fail(name, 'a path', value);
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

/** A callback of the caller, which may be missing. What it throws is the caller's own and comes back as it is. */
export function checkCallback<T>(name: string, value: T | undefined): T | undefined {
  return value === undefined ? undefined : checkFunction(name, value);
}

/** An instance of a class; `what` says which, with its article. */
export function checkInstance<T>(name: string, value: unknown, type: abstract new (...args: never) => T, what: string) {
  if (!isInstance(value, type)) fail(name, what, value);
  return value;
}

/** `instanceof`, which a proxy can make throw. */
export function isInstance<T>(value: unknown, type: abstract new (...args: never) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

export function checkSignal(name: string, value: unknown): AbortSignal {
  return checkInstance(name, value, AbortSignal, 'an AbortSignal');
}

/** Runs what reads a value of the caller: an error of its getters or proxies becomes the cause of a typed one. */
export function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isInstance(cause, BllossomError)) throw cause;
    throw new InvalidArgumentError(isInstance(cause, Error) ? `${what}: ${cause.message}` : what, { cause });
  }
}

/** A copy of an array of at most `most` items. */
export function checkArray<T>(name: string, value: readonly T[], most: number): T[] {
  return reading(`${name} cannot be read`, () => {
    if (!Array.isArray(value) || value.length > most) fail(name, `an array of at most ${most} items`, value);
    return Array.from(value as readonly T[]);
  });
}

/** A copy of an options object, each option read once. */
export function readOptions<T extends object>(name: string, value: T | undefined): Partial<T> {
  if (value === undefined) return {};
  return reading(`${name} cannot be read`, () => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(name, 'an object', value);
    return { ...value };
  });
}

/** As `readOptions`; a key that is not known is refused, so that a misspelling does not pass in silence. */
export function checkOptions<T extends object>(
  name: string,
  value: T | undefined,
  known: readonly string[],
): Partial<T> {
  const given = readOptions(name, value);
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      throw new InvalidArgumentError(`Unknown option ${show(key)} in ${name}: known are ${known.join(', ')}`);
    }
  }
  return given;
}
