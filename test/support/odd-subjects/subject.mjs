// What a subject is, and the common ways to make one.
import { THROWN } from '../odd-values.mjs';

/**
 * @typedef {object} Subject
 * @property {() => unknown[]} args arguments with which the call works, fresh ones
 * @property {(...args: unknown[]) => unknown} call
 * @property {(error: unknown, value: unknown) => boolean} [allows] an error that is documented though not typed
 * @property {boolean} [waits] on promises of the caller: one that never settles is the caller's own
 * @property {boolean} [inside] odd values are put only inside the arguments, not in place of them
 */

/** What the caller's own function throws comes back as it is. */
export const allowsOwn = (error, value) =>
  error === value || error === THROWN || (typeof value === 'function' && error instanceof TypeError);

/** A method that does not need a state of its own. */
export const method = (object, name, args = () => []) => ({ args, call: (...given) => object[name](...given) });
