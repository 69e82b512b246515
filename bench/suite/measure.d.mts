import type { Report } from '../result-tables.mjs';

export function median(values: number[]): number;
export function spread(values: number[]): number;
export function makeResult(
  name: string,
  unit: string,
  own: number[][],
  peers?: Record<string, number[][] | undefined>,
  options?: { lowerIsBetter?: boolean },
): Report['results'][number];
export function interleave<T>(
  contestants: Record<string, () => Promise<T>>,
  rounds: number,
  listeners?: {
    onTurn?: (name: string, round: number, given: T) => void;
    onFailure?: (name: string, error: unknown) => void;
  },
): Promise<Record<string, T[]>>;
