/**
 * The pieces of one generation, with credit: the engine may send so many pieces ahead of its reader, then the request
 * parks until the reader has taken some. A slow reader stops nobody but itself.
 */

/** Pieces that may be ahead of the reader. */
export const INITIAL_CREDIT = 32;
/** More than any generation has, and far from overflowing the engine's counter. */
const UNLIMITED = 1_000_000_000;

export class TokenStream implements AsyncIterable<string> {
  readonly #pieces: string[] = [];
  readonly #cancel: () => void;
  #wakes: (() => void)[] = [];
  #end: { error?: unknown } | undefined;
  #grant: ((pieces: number) => void) | undefined;
  #credit = INITIAL_CREDIT;
  #taken = 0;

  /** @param cancel called when a reader leaves before the end */
  constructor(cancel: () => void) {
    this.#cancel = cancel;
  }

  /** The text so far. */
  get text(): string {
    return this.#pieces.join('');
  }

  /** Binds the running request. Returns the credit that it starts with. */
  connect(grant: (pieces: number) => void): number {
    this.#grant = grant;
    return this.#credit;
  }

  push(text: string): void {
    this.#pieces.push(text);
    this.#wake();
  }

  /** No more pieces; with an `error` readers throw it once they have taken what there is. */
  finish(end: { error?: unknown } = {}): void {
    this.#end ??= end;
    this.#wake();
  }

  /** Lets the generation run to its end without a reader. */
  drain(): void {
    if (this.#credit >= UNLIMITED) return;
    this.#credit += UNLIMITED;
    this.#grant?.(UNLIMITED);
  }

  /** Reads from the first piece on; several readers may read, each gets everything. */
  [Symbol.asyncIterator](): AsyncIterator<string, undefined> {
    let next = 0;
    let left = false;
    return {
      next: async () => {
        while (!left) {
          const piece = this.#pieces[next];
          if (piece !== undefined) {
            this.#take(++next);
            return { done: false, value: piece };
          }
          if (this.#end) {
            left = true;
            if ('error' in this.#end) throw this.#end.error;
            break;
          }
          await new Promise<void>((resolve) => this.#wakes.push(resolve));
        }
        return { done: true, value: undefined };
      },
      return: async () => {
        left = true;
        if (!this.#end) this.#cancel();
        return { done: true, value: undefined };
      },
    };
  }

  /** Gives the credit of pieces that were read back in halves, so that not every piece costs a call. */
  #take(count: number): void {
    this.#taken = Math.max(this.#taken, count);
    const missing = this.#taken + INITIAL_CREDIT - this.#credit;
    if (missing < INITIAL_CREDIT / 2) return;
    this.#credit += missing;
    this.#grant?.(missing);
  }

  #wake(): void {
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }
}
