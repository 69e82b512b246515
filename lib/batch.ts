/** What the batch calls return: await it for all results, or iterate it for each as it is ready, or both. */

import { onAbort } from './abortable.js';
import { checkFunction, checkSignal, fail } from './check.js';
import { CancelledError } from './errors.js';

/** An item of a batch that failed; the others go on. */
export interface BatchFailure {
  success: false;
  /** Place in the input, from 0. */
  index: number;
  error: Error;
}

export interface BatchProgress {
  /** Items that are ready, failed ones included. */
  done: number;
  total: number;
}

export interface BatchOptions {
  /** Ends the batch, which then rejects with `signal.reason`; what was ready stays in `finished`. */
  signal?: AbortSignal | undefined;
  /** Called when an item is ready. What it throws ends the batch, which rejects with it. */
  onProgress?: ((progress: BatchProgress) => void) | undefined;
}

export interface BatchWork<T, R> {
  total: number;
  /** Items that are worked on at once. */
  concurrency: number;
  /** Computes one item. What it throws ends the whole batch. */
  run(index: number, signal: AbortSignal): Promise<T>;
  /** The result, from the items in input order. */
  collect(items: T[]): R;
  /** Called at the end, however it ends. */
  close?(): void;
}

/**
 * A batch that has begun.
 *
 * - `await batch` gives the results in input order.
 * - `for await (const item of batch)` gives each item when it is ready; leaving the loop cancels the rest.
 */
export class Batch<T, R = T[]> implements PromiseLike<R>, AsyncIterable<T> {
  readonly #abort = new AbortController();
  readonly #finished: T[] = [];
  readonly #done: Promise<R>;
  #ended = false;
  #wakes: (() => void)[] = [];

  /**
   * @param plan says what to do; what it throws, and options of a wrong kind, make the batch reject. Its signal is that
   *   of the batch
   */
  constructor(plan: (signal: AbortSignal) => BatchWork<T, R> | Promise<BatchWork<T, R>>, options?: BatchOptions) {
    const signal = options?.signal instanceof AbortSignal ? options.signal : undefined;
    const release = signal && onAbort(signal, () => this.#abort.abort(signal.reason));
    this.#done = this.#run(plan, options ?? {}).finally(() => {
      this.#ended = true;
      release?.();
      this.#wake();
    });
    // Readers see the failure in their loop; without this line it would also be reported as unhandled.
    this.#done.catch(() => {});
  }

  /** The items that are ready, in the order in which they became so; stays readable after an abort. */
  get finished(): readonly T[] {
    return this.#finished;
  }

  /** Ends it; it rejects with `reason`. No effect once it has settled. */
  cancel(reason: unknown = new CancelledError('The batch was cancelled')): void {
    this.#abort.abort(reason);
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is the purpose of this class
  then<A = R, B = never>(
    onFulfilled?: ((value: R) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#done.then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R | B> {
    return this.#done.catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<R> {
    return this.#done.finally(onFinally);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, undefined> {
    try {
      for (let next = 0; ; ) {
        const item = this.#finished[next];
        if (next < this.#finished.length) {
          next++;
          yield item as T;
        } else if (this.#ended) break;
        else await new Promise<void>((resolve) => this.#wakes.push(resolve));
      }
      await this.#done; // throws what ended it
    } finally {
      this.cancel();
    }
    return undefined;
  }

  async #run(
    plan: (signal: AbortSignal) => BatchWork<T, R> | Promise<BatchWork<T, R>>,
    options: BatchOptions,
  ): Promise<R> {
    const { signal } = this.#abort;
    const { onProgress } = options;
    if (options.signal !== undefined) checkSignal('signal', options.signal);
    if (onProgress !== undefined) checkFunction('onProgress', onProgress);
    const planned = plan(signal);
    const { total, concurrency, run, collect, close } = planned instanceof Promise ? await planned : planned;
    const items = new Array<T>(total);
    let next = 0;
    const worker = async () => {
      while (next < total) {
        signal.throwIfAborted();
        const index = next++;
        const item = await run(index, signal);
        signal.throwIfAborted();
        items[index] = item;
        this.#finished.push(item);
        this.#wake();
        onProgress?.({ done: this.#finished.length, total });
      }
    };
    try {
      signal.throwIfAborted();
      await Promise.all(Array.from({ length: Math.min(concurrency, total) }, worker));
      return collect(items);
    } catch (error) {
      this.#abort.abort(error); // one that threw stops the others
      throw error;
    } finally {
      close?.();
    }
  }

  #wake(): void {
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }
}

/** An item of a generation batch: the result with its place in the input, or the failure. */
export type BatchItem<R> = (R & { index: number }) | BatchFailure;

/** How the generators make their batches. */
export interface GenerationBatch<I, O extends BatchOptions, R> {
  /** What the input is called. */
  name: string;
  items: readonly I[];
  options: O | undefined;
  /** Items that are worked on at once. */
  concurrency: number;
  /** Checks the options that every item shares, before any runs. @throws InvalidArgumentError */
  check(options: Omit<O, keyof BatchOptions>): void;
  /** Those options with what can be made once for all items. @throws InvalidArgumentError */
  prepare?(options: Omit<O, keyof BatchOptions>): Promise<Omit<O, keyof BatchOptions>>;
  generate(item: I, options: Omit<O, keyof BatchOptions> & { signal: AbortSignal }): PromiseLike<R>;
}

/** A batch in which a failed item takes its place as `{ success: false, index, error }`, and the others go on. */
export function generationBatch<I, O extends BatchOptions, R extends object>(
  batch: GenerationBatch<I, O, R>,
): Batch<BatchItem<R>> {
  const plan = (): BatchWork<BatchItem<R>, BatchItem<R>[]> => {
    const { name, options, concurrency } = batch;
    if (!Array.isArray(batch.items)) fail(name, 'an array', batch.items);
    const items = [...batch.items]; // the caller's may change meanwhile
    if (options !== undefined && (typeof options !== 'object' || options === null))
      fail('options', 'an object', options);
    const { signal: _signal, onProgress: _onProgress, ...given } = { ...options } as O;
    batch.check(given);
    let prepared: ReturnType<NonNullable<typeof batch.prepare>> | undefined;
    const run = async (index: number, signal: AbortSignal) => {
      if (batch.prepare) prepared ??= batch.prepare(given);
      const shared = prepared ? await prepared : given;
      return settle(index, signal, async () => batch.generate(items[index] as I, { ...shared, signal }));
    };
    return { total: items.length, concurrency, run, collect: (results) => results };
  };
  return new Batch(plan, batch.options);
}

async function settle<R extends object>(
  index: number,
  signal: AbortSignal,
  work: () => Promise<R>,
): Promise<BatchItem<R>> {
  try {
    return { ...(await work()), index };
  } catch (error) {
    signal.throwIfAborted(); // the whole batch was given up
    return { success: false, index, error: error instanceof Error ? error : new CancelledError(String(error)) };
  }
}
