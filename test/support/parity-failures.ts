import { checkFile, type OllamaFiles, type ParityRow } from '../../scripts/parity/checks.mjs';
import { golden } from './ollama-files.js';

/** What a file with F32 weights gets wrong, of all that a golden folder has. */
export async function parityFailures(name: string, path: string, files: OllamaFiles = {}): Promise<ParityRow[]> {
  const rows: ParityRow[] = [];
  for await (const row of checkFile(golden(name), path, files)) rows.push(row);
  if (rows.length < 20) throw new Error(`${rows.length} checks only: something was lost`);
  return rows.filter(({ ok }) => !ok);
}
