/** What goes to the terminal: answers to stdout, all else to stderr. */

import { once } from 'node:events';
import { SingleBar } from 'cli-progress';
import { BllossomError, type GenerationResult } from '../index.js';
import { errorLine, message } from './messages.js';

/** A bar on stderr while it is a terminal; otherwise nothing. */
export function progressBar(title: string): { update(value: number): void; stop(): void } {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: `${title} {bar} {percentage}%`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(1, 0);
  return { update: (value) => bar.update(value), stop: () => bar.stop() };
}

/** Writes the pieces as they come, at the pace of the reader. */
export async function printStream(pieces: AsyncIterable<string>, signal: AbortSignal): Promise<void> {
  for await (const piece of pieces) {
    if (!process.stdout.write(piece)) await once(process.stdout, 'drain', { signal });
  }
  process.stdout.write('\n');
}

export function printTimings(loadTime: number, result: GenerationResult): void {
  const seconds = (value: number) => `${value.toFixed(3)} ${message('seconds')}`;
  const speed = (value: number, tokens: number) =>
    `${value.toFixed(2)} ${message('tokensPerSecond')} (${tokens} ${message('tokens')})`;
  const rows: [string, string][] = [
    [message('loadTime'), seconds(loadTime)],
    [message('imageTime'), seconds(result.imageEncodeTime)],
    [message('firstToken'), seconds(result.timeToFirstToken)],
    [message('promptSpeed'), speed(result.promptTokensPerSecond, result.inputTokens)],
    [message('decodeSpeed'), speed(result.decodeTokensPerSecond, result.outputTokens)],
  ];
  for (const [title, value] of rows) process.stderr.write(`${padEnd(title, 14)}  ${value}\n`);
}

/** Hangul takes two columns. */
function padEnd(text: string, columns: number): string {
  const width = [...text].reduce((sum, character) => sum + (/\p{Script=Hangul}/u.test(character) ? 2 : 1), 0);
  return text + ' '.repeat(Math.max(0, columns - width));
}

/** One line, without a stack trace unless BLLOSSOM_DEBUG=1 asks for it. */
export function printError(error: unknown): void {
  const code = error instanceof BllossomError ? error.code : undefined;
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`bllossom: ${errorLine(text, code)}\n`);
  if (process.env.BLLOSSOM_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}
