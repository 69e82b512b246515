/** A file of bench/results. */
export interface Report {
  machine: {
    cpu: string;
    cores: number;
    memoryBytes: number;
    /** Null: measured on the CPU. */
    gpu: string | null;
    system: string;
  };
  versions: Record<string, string | null>;
  run: { date: string; device: string; model: string; quick: boolean };
  results: {
    name: string;
    /** Median. */
    value: number;
    unit: string;
    /** Largest less smallest, of the median. */
    spread: number;
    /** How many times as fast as the peer; for memory, how much of the plan. */
    ratios: Record<string, number>;
    peers: Record<string, { value: number; spread: number }>;
  }[];
  targets: { name: string; limit: string; value: number | null; status: 'pass' | 'fail' | 'not measured' }[];
}

export function reportSection(report: Report): string;
export function withResults(page: string, reports: Report[]): string;
