/** Where answers go: to stdout as they come, or to a file once they are complete. Everything else goes to stderr. */

import { once } from 'node:events';
import type { Generation, GenerationResult } from '../index.js';
import { checkWritable, writeWhole } from './files.js';
import { printTimings } from './timings.js';

export interface OutputOptions {
  output?: string;
  json?: boolean;
  verbose?: boolean;
}

/** What could move the cursor, change colours or worse, apart from new line and tab. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export class Output {
  readonly #file: string | undefined;
  readonly #signal: AbortSignal;
  readonly #parts: string[] = [];
  /** So many of the parts are answers that came to their end. */
  #whole = 0;

  private constructor(file: string | undefined, signal: AbortSignal) {
    this.#file = file;
    this.#signal = signal;
  }

  /** @throws UsageError when the file cannot be written, before anything is computed */
  static async open(file: string | undefined, signal: AbortSignal): Promise<Output> {
    if (file !== undefined) await checkWritable(file);
    return new Output(file, signal);
  }

  /** Writes at the pace of the reader. */
  async write(text: string): Promise<void> {
    if (this.#file !== undefined) this.#parts.push(text);
    else if (!process.stdout.write(process.stdout.isTTY ? text.replace(CONTROLS, '') : text)) {
      await once(process.stdout, 'drain', { signal: this.#signal });
    }
  }

  /** What was written so far is worth keeping, whatever comes next. */
  mark(): void {
    this.#whole = this.#parts.length;
  }

  /** Puts the file in its place, with what was written up to the last mark; without one there is no file. */
  async finish(): Promise<void> {
    if (this.#file !== undefined && this.#whole > 0) {
      await writeWhole(this.#file, this.#parts.slice(0, this.#whole).join(''));
    }
  }
}

/** Writes an answer as text while it comes, or as one line of JSON together with `facts`. */
export async function writeAnswer<R extends GenerationResult>(
  generation: Generation<R>,
  output: Output,
  { json, verbose }: OutputOptions,
  facts: { loadTime?: number; image?: string } = {},
): Promise<R> {
  if (!json) {
    for await (const piece of generation) await output.write(piece);
    await output.write('\n');
  }
  const result = await generation;
  if (json) await output.write(`${JSON.stringify({ ...result, ...facts })}\n`);
  output.mark();
  if (verbose) printTimings(result, facts.loadTime);
  return result;
}
