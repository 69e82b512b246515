/** `--session`: a file of what the model has computed, for the next call of the command line. */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { ModelFormatError, type ModelManager, ModelUnsupportedError } from '../index.js';
import { UsageError } from './failures.js';
import { checkWritable } from './files.js';
import { message } from './messages.js';

export interface SessionFileOptions {
  session?: string;
}

export function withSessionOption(command: Command): Command {
  return command.option('--session <file>', message('session'));
}

/** Looks at the file before anything is computed. @throws UsageError when it cannot be written in the end */
export async function checkSessionFile({ session }: SessionFileOptions): Promise<void> {
  if (session !== undefined) await checkWritable(session);
}

/** Loads the session where there is one. @throws UsageError when it is of another model, or damaged */
export async function restoreSession(
  manager: ModelManager,
  { session }: SessionFileOptions,
  signal: AbortSignal,
): Promise<void> {
  if (session === undefined || !existsSync(session)) return;
  try {
    await manager.loadSession(session, { signal });
  } catch (error) {
    if (!(error instanceof ModelUnsupportedError || error instanceof ModelFormatError)) throw error;
    throw new UsageError('sessionRefused', { why: error.message });
  }
}

export async function keepSession(
  manager: ModelManager,
  { session }: SessionFileOptions,
  signal: AbortSignal,
): Promise<void> {
  if (session !== undefined) await manager.saveSession(session, { signal });
}
