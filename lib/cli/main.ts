#!/usr/bin/env node
/** The command `bllossom`. Exit codes: 0 done, 1 failed, 130 interrupted. */

import { CommanderError } from 'commander';
import { exitCodeOf, printError } from './failures.js';
import { createProgram } from './program.js';

/** An error may come twice: from the stream that failed and from the command that wrote to it. */
const told = new Set<unknown>();

function tell(error: unknown): void {
  if (told.has(error)) return;
  told.add(error);
  printError(error);
  process.exitCode = exitCodeOf(error);
}

// A reader who leaves is no failure; commands that compute for one stop by themselves.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') tell(error);
});
process.stderr.on('error', () => {});

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has already printed its own errors; help and version end up here too, with code 0.
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else tell(error);
}
