/** Integers from 0 to n - 1, without end. */
export function randomOf(seed: number): (n: number) => number;
export function pick<T>(random: (n: number) => number, list: readonly T[]): T;
