/** What the batch calls return: await it for all results, or iterate it for each as it is ready, or both. */

import { onAbort } from './abortable.js';
import {
  checkArray,
  checkCallback,
  checkFunction,
  checkInteger,
  checkOptions,
  checkSignal,
  isInstance,
  readOptions,
} from './check.js';
import { CancelledError } from './errors.js';

/** Items of one batch; far more than are answered in a day. */
const MAX_ITEMS = 1_000_000;

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
  /** Called once at the end, however it ends. */
  close?(): void;
}

/** Says what to do, and may take its time about it. Its signal is that of the batch. */
export type BatchPlan<T, R> = (signal: AbortSignal) => BatchWork<T, R> | Promise<BatchWork<T, R>>;

const WORK_KEYS = ['total', 'concurrency', 'run', 'collect', 'close'];

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

  /** @param plan what it throws, and options of a wrong kind, make the batch reject */
  constructor(plan: BatchPlan<T, R>, options?: BatchOptions) {
    this.#done = this.#begin(plan, options).finally(() => {
      this.#ended = true;
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

  async #begin(plan: BatchPlan<T, R>, options: BatchOptions | undefined): Promise<R> {
    const given = checkOptions('options', options, ['signal', 'onProgress']);
    const onProgress = checkCallback('onProgress', given.onProgress);
    const signal = given.signal === undefined ? undefined : checkSignal('signal', given.signal);
    checkFunction('plan', plan);
    const release = signal && onAbort(signal, () => this.#abort.abort(signal.reason));
    let close: (() => void) | undefined;
    try {
      const planned = plan(this.#abort.signal);
      const work = checkOptions('work', isInstance(planned, Promise) ? await planned : planned, WORK_KEYS);
      close = checkCallback('close', work.close);
      return await this.#run(checkWork(work), onProgress);
    } finally {
      release?.();
      close?.();
    }
  }

  async #run(work: CheckedWork<T, R>, onProgress: BatchOptions['onProgress']): Promise<R> {
    const { signal } = this.#abort;
    const { total, concurrency, run, collect } = work;
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
    signal.throwIfAborted();
    try {
      await Promise.all(Array.from({ length: Math.min(concurrency, total) }, worker));
    } catch (error) {
      this.#abort.abort(error); // one that threw stops the others
      throw error;
    }
    return collect(items);
  }

  #wake(): void {
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }
}

type CheckedWork<T, R> = Omit<BatchWork<T, R>, 'close'>;

function checkWork<T, R>(work: Partial<BatchWork<T, R>>): CheckedWork<T, R> {
  const { total, concurrency, run, collect } = work as BatchWork<T, R>;
  checkInteger('total', total, { min: 0, max: MAX_ITEMS });
  checkInteger('concurrency', concurrency, { min: 1 });
  return { total, concurrency, run: checkFunction('run', run), collect: checkFunction('collect', collect) };
}

/** Begins a batch with the options of a call, each read once; what is wrong with them makes it reject. */
export function beginBatch<O extends object, T, R>(
  options: O | undefined,
  begin: (given: Partial<O>) => Batch<T, R>,
): Batch<T, R> {
  try {
    return begin(readOptions('options', options));
  } catch (error) {
    return new Batch<T, R>(() => Promise.reject(error));
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
  concurrency(): number;
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
  return beginBatch(batch.options, (given) => {
    const { signal, onProgress, ...shared } = given as O;
    const plan = (): BatchWork<BatchItem<R>, BatchItem<R>[]> => {
      const items = checkArray(batch.name, batch.items, MAX_ITEMS);
      batch.check(shared);
      let prepared: ReturnType<NonNullable<typeof batch.prepare>> | undefined;
      const run = async (index: number, each: AbortSignal) => {
        if (batch.prepare) prepared ??= batch.prepare(shared);
        const own = prepared ? await prepared : shared;
        return settle(index, each, async () => batch.generate(items[index] as I, { ...own, signal: each }));
      };
      return { total: items.length, concurrency: batch.concurrency(), run, collect: (results) => results };
    };
    return new Batch(plan, { signal, onProgress });
  });
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
