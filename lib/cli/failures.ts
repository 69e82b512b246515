/** How a command ends that does not come to its result, and what is said about it. */

import { toBllossomError } from '../errors.js';
import { BllossomError, type ErrorCode, type FittingOptions, OutOfMemoryError } from '../index.js';
import { errorLine, type MessageKey, message } from './messages.js';
import { printable } from './printable.js';

/** The call is wrong; the message is in the reader's language. */
export class UsageError extends Error {
  constructor(key: MessageKey, values?: Record<string, string | number>) {
    super(message(key, values));
  }
}

/** Somebody pressed Ctrl-C, or asked the process to end. */
export class Interrupted extends Error {
  constructor() {
    super(message('interrupted'));
  }
}

/** The reader of our output has left: nothing to say, and nobody to say it to. */
export class BrokenPipe extends Error {}

/** The exit code that an error means. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof BrokenPipe) return 0;
  return error instanceof Interrupted ? 130 : 1;
}

/** What is said about an error, on one line. */
export function describeError(error: unknown): string {
  if (error instanceof Interrupted) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  const line = errorLine(text, error instanceof BllossomError ? error.code : undefined);
  const wouldFit = error instanceof OutOfMemoryError ? error.wouldFit : null;
  return wouldFit === null ? line : `${line} (${message('wouldFit', { options: optionsText(wouldFit) })})`;
}

/** Options of the library as they are given here: by a flag, else in the configuration. */
function optionsText(wouldFit: FittingOptions): string {
  const { deviceMap, gpuLayers, contextSize, kvCacheType, maxImages } = wouldFit;
  return [
    ...(deviceMap === undefined ? [] : [`--device ${deviceMap}`]),
    ...(gpuLayers === undefined ? [] : [`--gpu-layers ${gpuLayers}`]),
    ...(contextSize === undefined ? [] : [`--context ${contextSize}`]),
    ...(kvCacheType === undefined ? [] : [`kv_cache_type: ${kvCacheType}`]),
    ...(maxImages === undefined ? [] : [`max_images: ${maxImages}`]),
  ].join(', ');
}

/** Says it on stderr, without a stack trace unless BLLOSSOM_DEBUG=1 asks for it. */
export function printError(error: unknown): void {
  if (error instanceof BrokenPipe) return;
  process.stderr.write(`bllossom: ${printable(describeError(error))}\n`); // it may quote a hostile file
  if (process.env.BLLOSSOM_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

/** An error as it stands in JSON. */
export function errorToJson(error: unknown): ErrorJson {
  const code = error instanceof UsageError ? 'ERR_INVALID_OPTION' : toBllossomError(error).code;
  const said = { code, message: error instanceof Error ? error.message : String(error) };
  if (!(error instanceof OutOfMemoryError) || error.needed === null) return said;
  const { needed, available, wouldFit } = error;
  return { ...said, needed, available, wouldFit };
}

interface ErrorJson {
  code: ErrorCode;
  message: string;
  /** These only where memory was short, and by how much is known. */
  needed?: number;
  available?: number | null;
  wouldFit?: Readonly<FittingOptions> | null;
}
