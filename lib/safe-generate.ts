/** Tries again what may pass: a full memory, a device or a connection that failed, a time that was over. */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkCallback,
  checkFunction,
  checkInstance,
  checkInteger,
  checkOptions,
  checkSignal,
  isInstance,
} from './check.js';
import { checkSection } from './config-schema.js';
import { BllossomError, type ErrorCode, errorLike } from './errors.js';
import { GENERATE_KEYS, type GenerateOptions, resolveParameters } from './generation-parameters.js';
import { ModelManager } from './model-manager.js';
import type { GenerationResult } from './run-generation.js';
import { TextGenerator } from './text-generator.js';

export interface RetryOptions {
  /** Tries after the first one; 0 … 100. Default: 3 */
  maxRetries?: number | undefined;
  /**
   * Milliseconds before the second try, doubled before every further one, at most 60,000; of that, a random share from a
   * half to the whole is waited, so that callers who failed together do not come back together. Default: 1000
   */
  retryDelay?: number | undefined;
  /** Ends the waiting; it rejects with `signal.reason`. The work must heed the signal itself. */
  signal?: AbortSignal | undefined;
  /** Its caches are cleared before a try that follows an `OutOfMemoryError` or a `BackendError`. */
  manager?: ModelManager | undefined;
  /** Called when a try has failed and another will be made; `attempt` counts from 1. */
  onRetry?: ((error: BllossomError, attempt: number) => void) | undefined;
}

/** The options of the generation; `timeout` is for each try. */
export interface SafeGenerateOptions<T = unknown> extends GenerateOptions<T>, Omit<RetryOptions, 'manager'> {}

/** What the last try failed with: of the same class, with that error as its `cause`. */
export type RetriedError = BllossomError & { attempts: number };

const RETRIED: readonly ErrorCode[] = ['ERR_OUT_OF_MEMORY', 'ERR_BACKEND', 'ERR_CONNECTION', 'ERR_TIMEOUT'];
const CLEARED: readonly ErrorCode[] = ['ERR_OUT_OF_MEMORY', 'ERR_BACKEND'];
const MAX_DELAY = 60_000;
const RETRY_KEYS = ['maxRetries', 'retryDelay', 'signal', 'manager', 'onRetry'];

/**
 * Does some work, and does it again when it fails with `OutOfMemoryError`, `BackendError`, `ConnectionError` or
 * `TimeoutError`. Any other failure, a wrong argument or an abort for instance, is passed on at once.
 *
 * @example
 * await retry(() => vision.extractText('page.png'), { manager });
 *
 * @param work is given the number of the try, from 1
 * @throws {RetriedError} when the last try has failed too; InvalidArgumentError; the reason of the signal
 */
export async function retry<T>(work: (attempt: number) => PromiseLike<T> | T, options?: RetryOptions): Promise<T> {
  checkFunction('work', work);
  const { maxRetries = 3, retryDelay = 1000, signal, manager, onRetry } = checkOptions('options', options, RETRY_KEYS);
  checkInteger('maxRetries', maxRetries, { min: 0, max: 100 });
  checkInteger('retryDelay', retryDelay, { min: 0, max: MAX_DELAY });
  if (signal !== undefined) checkSignal('signal', signal);
  if (manager !== undefined) checkInstance('manager', manager, ModelManager, 'a ModelManager');
  checkCallback('onRetry', onRetry);
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isInstance(error, BllossomError) || !RETRIED.includes(error.code)) throw error;
      if (attempt > maxRetries) throw afterAttempts(error, attempt);
      onRetry?.(error, attempt);
      if (CLEARED.includes(error.code)) await manager?.clearMemory().catch(() => {}); // the next try will tell
      await pause(retryDelay * 2 ** (attempt - 1), signal);
    }
  }
}

/**
 * `generator.generate(prompt)` that is tried again as `retry` does it, with memory cleared between. A try begins anew, so
 * that `onToken` is given pieces from the start again.
 *
 * @throws as `retry` and `TextGenerator.generate`
 */
export async function safeGenerate<T = unknown>(
  generator: TextGenerator,
  prompt: string,
  options?: SafeGenerateOptions<T>,
): Promise<GenerationResult<T>> {
  checkInstance('generator', generator, TextGenerator, 'a TextGenerator');
  const known = [...GENERATE_KEYS, 'maxRetries', 'retryDelay', 'onRetry'];
  const { maxRetries, retryDelay, onRetry, ...generating } = checkOptions('options', options, known);
  resolveParameters(checkSection(generator.config, 'generation'), generating); // refuses what is wrong before anything is tried
  const { signal } = generating;
  const { manager } = generator;
  return retry(() => generator.generate(prompt, generating), { maxRetries, retryDelay, onRetry, signal, manager });
}

function afterAttempts(error: BllossomError, attempts: number): RetriedError {
  const times = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return Object.assign(errorLike(error, `${error.message} (given up after ${times})`), { attempts });
}

async function pause(delay: number, signal: AbortSignal | undefined): Promise<void> {
  const milliseconds = Math.min(delay, MAX_DELAY) * (0.5 + Math.random() / 2);
  await sleep(milliseconds, undefined, { signal }).catch(() => signal?.throwIfAborted());
}
