/**
 * The native engine with promises instead of ids: every command gets an id, every id settles exactly once. The native
 * side keeps the process alive while requests are open, and only then.
 */

import { onAbort } from '../abortable.js';
import { checkCallback, checkOptions, checkSignal } from '../check.js';
import {
  CancelledError,
  ClosedError,
  errorFromNative,
  InternalError,
  InvalidArgumentError,
  ModelNotLoadedError,
  toBllossomError,
} from '../errors.js';
import type {
  FinishReason,
  NativeBinding,
  NativeEngine,
  NativeEvaluateRequest,
  NativeEvaluation,
  NativeEvent,
  NativeImage,
  NativeImportanceTarget,
  NativeLoadOptions,
  NativeLogprobs,
  NativeMemory,
  NativeModelInfo,
  NativePromptPart,
  NativeRequest,
  NativeSession,
  NativeStats,
} from './binding.js';

export interface EngineDone {
  reason: FinishReason;
  tokens: Int32Array;
  stats: NativeStats;
  logprobs: NativeLogprobs | null;
}

/** A running generation. */
export interface EngineRequest {
  done: Promise<EngineDone>;
  /** Allows that many more pieces. */
  grant(pieces: number): void;
  /** Ends it; `done` rejects with `reason`. No effect once it has settled. */
  cancel(reason: unknown): void;
}

/** An image that is kept. */
export interface KeptSlot {
  /** For `releaseImage`. */
  id: number;
  /** Seconds that the vision tower took; 0 when the image was there already. */
  encodeTime: number;
}

interface OpenCommand {
  resolve(event: NativeEvent): void;
  reject(error: unknown): void;
  release(): void;
  onPiece: ((text: string) => void) | undefined;
  onProgress: ((value: number) => void) | undefined;
  /** Why the caller gave up, once it has. */
  reason: { value: unknown } | undefined;
}

interface CommandOptions {
  signal?: AbortSignal | undefined;
  onPiece?: ((text: string) => void) | undefined;
  /** 0 … 1 */
  onProgress?: ((value: number) => void) | undefined;
}

export class Engine {
  readonly #native: NativeEngine;
  readonly #open = new Map<number, OpenCommand>();
  #nextId = 1;
  #closed = false;
  /** From the call of `unload` on, and not only when the engine thread has come to it. */
  #unloaded = false;

  constructor(binding: Pick<NativeBinding, 'Engine'>) {
    this.#native = new binding.Engine((events) => {
      for (const event of events) this.#receive(event);
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  async load(options: NativeLoadOptions, command?: CommandOptions): Promise<NativeModelInfo> {
    this.#unloaded = false;
    const { settled } = this.#command('load', (id) => this.#native.load(id, options), command);
    return ((await settled) as Extract<NativeEvent, { kind: 'loaded' }>).info;
  }

  async unload(): Promise<void> {
    this.#unloaded = true;
    await this.#command('unload', (id) => this.#native.unload(id)).settled;
  }

  generate(request: NativeRequest, command?: CommandOptions): EngineRequest {
    const { id, settled } = this.#command('generate', (id) => this.#native.generate(id, request), command);
    return {
      done: settled.then((event) => event as Extract<NativeEvent, { kind: 'done' }>),
      grant: (pieces) => {
        if (this.#open.has(id)) this.#native.grant(id, pieces);
      },
      cancel: (reason) => this.#cancel(id, reason),
    };
  }

  /** A teacher-forced run that returns logits. */
  async evaluate(request: NativeEvaluateRequest, command?: CommandOptions): Promise<NativeEvaluation> {
    const { settled } = this.#command('evaluate', (id) => this.#native.evaluate(id, request), command);
    return ((await settled) as Extract<NativeEvent, { kind: 'evaluated' }>).result;
  }

  /** Encodes an image, unless it is there already, and keeps it in its slot until it is released. */
  async encodeImage(image: NativeImage, command?: CommandOptions): Promise<KeptSlot> {
    const { id, settled } = this.#command('encodeImage', (id) => this.#native.encodeImage(id, image), command);
    const { encodeTime } = (await settled) as Extract<NativeEvent, { kind: 'encoded' }>;
    return { id, encodeTime };
  }

  /** Lets go of a kept image; harmless when that was done, and when its model is gone. */
  async releaseImage(id: number): Promise<void> {
    await this.#command('releaseImage', (own) => this.#native.releaseImage(own, id)).settled;
  }

  /** Begins an importance matrix, with the sums of an older file unless `from` is null. Refused while one is begun. */
  async beginImportance(from: string | null): Promise<void> {
    await this.#command('beginImportance', (id) => this.#native.beginImportance(id, from)).settled;
  }

  /** Adds the inputs that a prompt brings to the weights: all of them or, when it fails, none. */
  async collect(request: NativeEvaluateRequest, command?: CommandOptions): Promise<void> {
    await this.#command('collect', (id) => this.#native.collect(id, request), command).settled;
  }

  async writeImportance(target: NativeImportanceTarget): Promise<void> {
    await this.#command('writeImportance', (id) => this.#native.writeImportance(id, target)).settled;
  }

  async endImportance(): Promise<void> {
    await this.#command('endImportance', (id) => this.#native.endImportance(id)).settled;
  }

  async clearCaches(): Promise<void> {
    await this.#command('clearCaches', (id) => this.#native.clearCaches(id)).settled;
  }

  async saveSession(path: string, command?: CommandOptions): Promise<NativeSession> {
    const { settled } = this.#command('saveSession', (id) => this.#native.saveSession(id, path), command);
    return toSession(await settled);
  }

  async loadSession(path: string, command?: CommandOptions): Promise<NativeSession> {
    const { settled } = this.#command('loadSession', (id) => this.#native.loadSession(id, path), command);
    return toSession(await settled);
  }

  tokenize(prompt: NativePromptPart[]): Int32Array {
    return this.#direct(() => this.#native.tokenize(prompt));
  }

  detokenize(tokens: Int32Array): string {
    return this.#direct(() => this.#native.detokenize(tokens));
  }

  memory(): NativeMemory {
    return this.#direct(() => this.#native.memory());
  }

  /** Cancels everything and ends the engine thread; open commands reject with `ClosedError`. Calling it twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close();
  }

  #direct<T>(call: () => T): T {
    if (this.#closed) throw new ClosedError('The engine is closed: load the model again');
    if (this.#unloaded) throw new ModelNotLoadedError();
    try {
      return call();
    } catch (error) {
      throw toCallError(error);
    }
  }

  #command(
    name: string,
    submit: (id: number) => void,
    options?: CommandOptions,
  ): { id: number; settled: Promise<NativeEvent> } {
    const id = this.#nextId++;
    const settled = new Promise<NativeEvent>((resolve, reject) => {
      const { signal, onPiece, onProgress } = checkCommand(options);
      if (signal?.aborted) return reject(signal.reason);
      if (this.#closed) return reject(new ClosedError(`${name}: the engine is closed; load the model again`));
      this.#open.set(id, {
        resolve,
        reject,
        release: signal ? onAbort(signal, () => this.#cancel(id, signal.reason)) : () => {},
        onPiece,
        onProgress,
        reason: undefined,
      });
      try {
        submit(id);
      } catch (error) {
        this.#take(id)?.reject(toCallError(error));
      }
    });
    return { id, settled };
  }

  #cancel(id: number, reason: unknown): void {
    const command = this.#open.get(id);
    if (!command || command.reason) return;
    command.reason = { value: reason ?? new CancelledError() };
    this.#native.cancel(id);
  }

  #take(id: number): OpenCommand | undefined {
    const command = this.#open.get(id);
    this.#open.delete(id);
    command?.release();
    return command;
  }

  #receive(event: NativeEvent): void {
    if (event.kind === 'piece' || event.kind === 'progress') {
      const command = this.#open.get(event.id);
      if (!command || command.reason) return;
      try {
        if (event.kind === 'piece') command.onPiece?.(event.text);
        else command.onProgress?.(event.value);
      } catch (error) {
        // A callback of the caller threw: its own request fails with that error, the others go on.
        this.#cancel(event.id, error);
      }
      return;
    }
    const command = this.#take(event.id);
    if (!command) return;
    if (command.reason) {
      command.reject(command.reason.value);
      // Given up too late to stop it: nobody will let go of what is kept now.
      if (event.kind === 'encoded') this.releaseImage(event.id).catch(() => {});
    } else if (event.kind === 'error') command.reject(errorFromNative(event));
    else command.resolve(event);
  }
}

function toSession(event: NativeEvent): NativeSession {
  const { prompts, tokens, images } = event as Extract<NativeEvent, { kind: 'session' }>;
  return { prompts, tokens, images };
}

function checkCommand(options: CommandOptions | undefined): CommandOptions {
  const { signal, onPiece, onProgress } = checkOptions('options', options, ['signal', 'onPiece', 'onProgress']);
  if (signal !== undefined) checkSignal('signal', signal);
  return {
    signal,
    onPiece: checkCallback('onPiece', onPiece),
    onProgress: checkCallback('onProgress', onProgress),
  };
}

/** What a call threw while its arguments were read: without a code of ours it comes from the caller's own values. */
function toCallError(error: unknown): Error {
  const typed = toBllossomError(error);
  if (!(typed instanceof InternalError) || typed === error) return typed;
  return new InvalidArgumentError(`The arguments cannot be read: ${typed.message}`, { cause: error });
}
