export interface Score {
  group: string;
  answers: number;
  exact: number;
  characterErrors: number;
  letterErrors: number;
  wordErrors: number;
  cells?: number;
}
export class Scores {
  add(groups: readonly string[], answer: string, truth: string): void;
  summary(): Score[];
}
export function scoreTable(summary: readonly Score[]): string;
