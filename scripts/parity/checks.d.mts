import type { Golden } from './golden-folder.d.mts';

/** What decides how a file of Ollama is read. */
export interface OllamaFiles {
  projectorPath?: string;
  ollamaGates?: 'auto' | 'raw' | 'activated';
  ollamaHeads?: 'auto' | 'paired' | 'halves';
}

export interface ParityRow {
  name: string;
  quantity: string;
  maxAbs: number;
  maxRel: number;
  tolerance: number;
  ok: boolean;
}

export function checkFile(golden: Golden, file: string, files?: OllamaFiles): AsyncGenerator<ParityRow>;
export function measureCosine(
  golden: Golden,
  file: string,
  options?: { kvType?: 'f16' | 'f32'; files?: OllamaFiles },
): Promise<{ cosine: number; tokenCosine: number }>;
