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
  run: { date: string; device: string; model: string; quick: boolean; threads?: number; rounds?: number };
  results: {
    name: string;
    /** Median. */
    value: number;
    unit: string;
    /** Largest less smallest, of the median. */
    spread: number;
    /** How many times as fast as the peer; for memory, how much of the plan. */
    ratios: Record<string, number>;
    /** The ratio's spread is that of the rounds: `npm run bench` alone has it. */
    peers: Record<string, { value: number; spread: number; ratioSpread?: number }>;
  }[];
  /** Of the machines with a GPU. */
  targets?: { name: string; limit: string; value: number | null; status: 'pass' | 'fail' | 'not measured' }[];
  /** What could not be measured. */
  missing?: { name: string; reason: string }[];
}

export function reportSection(report: Report): string;
export function withResults(page: string, reports: Report[]): string;
