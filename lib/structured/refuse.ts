/** How a schema is refused: always the same error, always with the place. */

import { InvalidArgumentError } from '../errors.js';

const SHOWN_CHARACTERS = 200;

/**
 * @param pointer the JSON pointer of the schema, as a fragment ("#/properties/name")
 * @param problem what is wrong and what to do
 */
export function refuse(pointer: string, problem: string): never {
  throw new InvalidArgumentError(`The schema at ${shortPointer(pointer)}: ${problem}`);
}

/** One more step of a pointer. */
export function child(pointer: string, step: string | number): string {
  const name = String(step);
  return `${pointer}/${/[~/]/.test(name) ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name}`;
}

export function shortPointer(pointer: string): string {
  return pointer.length > SHOWN_CHARACTERS ? `${pointer.slice(0, SHOWN_CHARACTERS)}…` : pointer;
}
