#!/usr/bin/env node
/** The command `bllossom`. Exit codes: 0 done, 1 failed, 130 interrupted. */

import { CommanderError } from 'commander';
import { exitCodeOf, printError } from './failures.js';
import { createProgram } from './program.js';

/** Commands that are stopped by a broken pipe listen themselves; for the others there is nothing to do. */
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has already printed its own errors; help and version end up here too, with code 0.
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    printError(error);
    process.exitCode = exitCodeOf(error);
  }
}
