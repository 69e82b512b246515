/** What `generate` returns: await it for the result, or iterate it for the pieces, or both. */

import { onAbort } from './abortable.js';
import { checkCallback, checkFunction, checkInteger, checkOptions, checkSignal } from './check.js';
import { CancelledError, TimeoutError } from './errors.js';
import { TokenStream } from './token-stream.js';

/** What the work behind a generation is given. */
export interface GenerationControl {
  /** Aborts when the caller gives up; its reason is what the generation rejects with. */
  signal: AbortSignal;
  onPiece(text: string): void;
  /** Binds the running request. Returns the credit that it starts with. */
  connect(grant: (pieces: number) => void): number;
}

export interface GenerationOptions {
  /** Ends the generation, which then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called with each piece; a generation with it needs no reader. What it throws ends it, which rejects with it. */
  onToken?: ((text: string) => void) | undefined;
  /** Milliseconds from the call, after which it rejects with `TimeoutError`. Default: none */
  timeout?: number | undefined;
}

/** What a timer of Node holds; it takes more for 1. */
const MAX_TIMEOUT = 0x7fff_ffff;

/** The options, each checked and read once. @throws InvalidArgumentError */
export function checkGenerationOptions({ signal, onToken, timeout }: GenerationOptions): GenerationOptions {
  if (signal !== undefined) checkSignal('signal', signal);
  if (timeout !== undefined) checkInteger('timeout', timeout, { min: 1, max: MAX_TIMEOUT });
  return { signal, onToken: checkCallback('onToken', onToken), timeout };
}

/**
 * A generation that has begun.
 *
 * - `await generation` lets it run to its end and gives the result.
 * - `for await (const piece of generation)` gives the text as it comes. The engine stays at most 32 pieces ahead of the
 *   loop; leaving the loop cancels the generation. The result is there afterwards: `await generation`.
 *
 * Neither awaited nor read, it parks after 32 pieces, and keeps the process alive until `cancel()`.
 *
 * A parked generation keeps its place in the engine: its part of the context, its images and one of the
 * `hardware.maxBatchSize` seats. Where that is all there is, another one waits until the loop goes on. Await another
 * generation inside a loop only after `drain()`, which lets the outer one run to its end:
 *
 * @example
 * const story = generator.generate('…');
 * for await (const piece of story) {
 *   if (piece.includes('?')) {
 *     story.drain();
 *     console.log(await generator.generate('…'));
 *   }
 * }
 */
export class Generation<R> implements PromiseLike<R>, AsyncIterable<string> {
  readonly #abort = new AbortController();
  readonly #stream = new TokenStream(() => this.cancel());
  readonly #done: Promise<R>;

  /** @throws InvalidArgumentError */
  constructor(run: (control: GenerationControl) => Promise<R>, options?: GenerationOptions) {
    checkFunction('run', run);
    const known = ['signal', 'onToken', 'timeout'];
    const { signal, onToken, timeout } = checkGenerationOptions(checkOptions('options', options, known));
    const release = signal && onAbort(signal, () => this.#abort.abort(signal.reason));
    if (onToken) this.#stream.drain();
    const control: GenerationControl = {
      signal: this.#abort.signal,
      onPiece: (text) => {
        this.#stream.push(text);
        onToken?.(text);
      },
      connect: (grant) => this.#stream.connect(grant),
    };
    const timer = timeout === undefined ? undefined : setTimeout(() => this.cancel(tooLate(timeout)), timeout);
    this.#done = this.#run(run, control).finally(() => {
      clearTimeout(timer);
      release?.();
    });
    // Readers see the failure in their loop; without this line it would also be reported as unhandled.
    this.#done.catch(() => {});
  }

  /** The text so far; stays readable after a failure. */
  get text(): string {
    return this.#stream.text;
  }

  /** Ends it; it rejects with `reason`. No effect once it has settled. */
  cancel(reason: unknown = new CancelledError('The generation was cancelled')): void {
    this.#abort.abort(reason);
  }

  /** Lets it run to its end, however slow its readers are; they still get every piece. Awaiting it does so too. */
  drain(): void {
    this.#stream.drain();
  }

  /** Resolves when it has ended, well or not. Unlike awaiting the generation, this does not drain it. */
  get settled(): Promise<void> {
    return this.#done.then(
      () => {},
      () => {},
    );
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is the purpose of this class
  then<A = R, B = never>(
    onFulfilled?: ((value: R) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.drain();
    return this.#done.then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R | B> {
    return this.then(undefined, onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<R> {
    return this.then().finally(onFinally);
  }

  [Symbol.asyncIterator](): AsyncIterator<string, undefined> {
    return this.#stream[Symbol.asyncIterator]();
  }

  async #run(run: (control: GenerationControl) => Promise<R>, control: GenerationControl): Promise<R> {
    try {
      control.signal.throwIfAborted();
      const result = await run(control);
      this.#stream.finish();
      return result;
    } catch (error) {
      this.#stream.finish({ error });
      throw error;
    }
  }
}

function tooLate(milliseconds: number): TimeoutError {
  return new TimeoutError(
    `The generation took longer than the ${milliseconds} ms allowed: raise timeout or lower maxTokens`,
  );
}
