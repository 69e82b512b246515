import { createInterface } from 'node:readline/promises';
import type { TerminalStreams } from './chat/terminal.js';
import { UsageError } from './failures.js';
import { message } from './messages.js';

const YES = /^(y|yes|예|네|응)$/i;

/** Asks on the terminal; anything but a yes is a no. @throws UsageError where there is none: a program says --yes */
export async function confirm(
  question: string,
  signal: AbortSignal,
  { input, output }: TerminalStreams = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  if (!input.isTTY || !output.isTTY) throw new UsageError('confirmNeedsTerminal');
  const terminal = createInterface({ input, output });
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    const answer = terminal.question(`${question} ${message('confirmChoice')} `, { signal });
    return YES.test((await Promise.race([answer, ended])).trim());
  } finally {
    terminal.close();
  }
}
