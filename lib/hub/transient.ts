/** Failures that may be gone a moment later, and trying again. */

import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionError } from '../errors.js';

/** Never leaves `retrying`. */
export class TransientError extends Error {
  constructor(
    message: string,
    /** Seconds that the server asks to wait. */
    readonly retryAfter?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface RetryPolicy {
  /** Attempts in a row that may fail. */
  attempts: number;
  /** Seconds before the second attempt; doubled for each one after it. */
  delay: number;
  /** Seconds without a byte after which an attempt has failed. */
  stall: number;
}

export const PATIENT: RetryPolicy = { attempts: 6, delay: 0.5, stall: 30 };

const LONGEST_DELAY = 30;
/** A server that wants us to wait longer is told to the user instead. */
const LONGEST_RETRY_AFTER = 120;

/**
 * @throws ConnectionError when the attempts are used up, or the server asks for too long a wait; what `work` throws
 * apart from a `TransientError`; the signal's reason
 */
export async function retrying<T>(policy: RetryPolicy, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      const { message, retryAfter = 0 } = error;
      if (attempt >= policy.attempts || retryAfter > LONGEST_RETRY_AFTER) {
        const wait = retryAfter > 0 ? `; it asks to wait ${retryAfter} s` : '';
        throw new ConnectionError(
          `${message} (${attempt} attempts)${wait}. What was downloaded is kept: call it again to go on.`,
          { cause: error },
        );
      }
      const backoff = Math.min(LONGEST_DELAY, policy.delay * 2 ** (attempt - 1)) * (0.5 + Math.random());
      await sleep(1000 * Math.max(retryAfter, backoff), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
