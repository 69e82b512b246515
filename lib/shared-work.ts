/** One piece of work that several callers wait for, each with its own progress and its own way out. */

export interface Waiter {
  /** Ends the waiting of this caller alone. */
  signal?: AbortSignal | undefined;
  /** 0 … 1. If it throws, that ends the waiting of this caller alone. */
  onProgress?: ((value: number) => void) | undefined;
}

/** What the work is given: a signal that aborts when nobody waits any more, and where to report progress to. */
export type Work<T> = (control: Required<{ [K in keyof Waiter]: NonNullable<Waiter[K]> }>) => Promise<T>;

/** The work starts with the construction, and is aborted when its last caller has given up. */
export class SharedWork<T> {
  readonly #abort = new AbortController();
  readonly #listeners = new Set<(value: number) => void>();
  readonly #done: Promise<T>;
  #waiting = 0;

  constructor(work: Work<T>) {
    const onProgress = (value: number) => {
      for (const listener of this.#listeners) listener(value); // live: whoever leaves meanwhile is not called
    };
    this.#done = work({ signal: this.#abort.signal, onProgress });
    this.#done.catch(() => {}); // told to those who wait; a load that everybody left has nobody to be told
  }

  /** Whether it was aborted: nobody may join it any more. */
  get abandoned(): boolean {
    return this.#abort.signal.aborted;
  }

  abort(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** Settles, always without an error, when the work has ended, however it did. */
  async ended(): Promise<void> {
    await this.#done.catch(() => {});
  }

  /**
   * Rejects with what the work rejects with, the signal's reason, or what `onProgress` threw. The last caller that gives
   * up waits until the aborted work has ended, so that nothing of it is left.
   */
  join({ signal, onProgress }: Waiter = {}): Promise<T> {
    this.#waiting++;
    return new Promise((resolve, reject) => {
      const giveUp = (reason: unknown) => {
        if (!this.#listeners.has(listener)) return; // a callback that aborts and then throws
        release();
        if (--this.#waiting > 0) return reject(reason);
        this.abort(reason);
        this.ended().then(() => reject(reason));
      };
      const onAbort = () => giveUp(signal?.reason);
      const listener = (value: number) => {
        try {
          onProgress?.(value);
        } catch (error) {
          giveUp(error);
        }
      };
      const release = () => {
        signal?.removeEventListener('abort', onAbort);
        this.#listeners.delete(listener);
      };
      this.#listeners.add(listener);
      if (signal?.aborted) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#done.then(resolve, reject).finally(release);
    });
  }
}
