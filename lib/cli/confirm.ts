import { createInterface } from 'node:readline/promises';
import { UsageError } from './failures.js';
import { message } from './messages.js';

const YES = /^(y|yes|예|네|응)$/i;

/** Asks on the terminal. @throws UsageError where there is none: a program says --yes */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new UsageError('confirmNeedsTerminal');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return YES.test((await terminal.question(`${question} ${message('confirmChoice')} `, { signal })).trim());
  } finally {
    terminal.close();
  }
}
