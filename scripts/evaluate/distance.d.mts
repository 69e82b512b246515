export function editDistance(from: readonly string[], to: readonly string[]): number;
export const UNITS: Record<'characters' | 'letters' | 'words', (text: string) => string[]>;
export function tableCells(markdown: string): string[][];
export function rightCells(answer: string, truth: string): { right: number; count: number };
