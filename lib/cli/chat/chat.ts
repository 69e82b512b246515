/** A conversation on the command line: its messages with their images, the answer on its way, the figures. */

import type { ConversationManager, GenerateOptions, ImageSource } from '../../index.js';
import { type Output, type OutputOptions, writeAnswer } from '../output.js';

/** Sums over the answers so far. */
export interface Figures {
  inputTokens: number;
  outputTokens: number;
  /** Seconds. */
  time: number;
}

export class Chat {
  readonly conversation: ConversationManager;
  readonly figures: Figures = { inputTokens: 0, outputTokens: 0, time: 0 };
  readonly #generating: GenerateOptions;
  readonly #output: Output;
  readonly #options: OutputOptions;
  #images: ImageSource[] = [];
  #answering: AbortController | undefined;

  constructor(
    conversation: ConversationManager,
    generating: GenerateOptions,
    { output, options }: { output: Output; options: OutputOptions },
  ) {
    this.conversation = conversation;
    this.#generating = generating;
    this.#output = output;
    this.#options = options;
  }

  /** Whether an answer is on its way. */
  get isAnswering(): boolean {
    return this.#answering !== undefined;
  }

  /** Whether the answer on its way has been stopped already. */
  get isStopped(): boolean {
    return this.#answering?.signal.aborted ?? false;
  }

  /** Gives the answer on its way up; it is not kept. */
  stop(reason: Error): void {
    this.#answering?.abort(reason);
  }

  /** Goes with the next message. */
  attach(image: ImageSource): void {
    this.#images.push(image);
  }

  /**
   * Answers a message and writes the answer. An answer that was stopped leaves everything as it was, the images that
   * were to go with the message included.
   *
   * @throws what `ConversationManager.generateResponse` does, and the reason of `stop`
   */
  async answer(text: string): Promise<void> {
    const images = this.#images;
    const answering = new AbortController();
    const { signal } = answering;
    this.#answering = answering;
    this.#images = [];
    try {
      const content = images.map((image) => ({ type: 'image', image }) as const);
      const input = images.length === 0 ? text : [...content, { type: 'text', text } as const];
      const generation = this.conversation.generateResponse(input, { ...this.#generating, signal });
      const result = await writeAnswer(generation, this.#output, this.#options);
      this.figures.inputTokens += result.inputTokens;
      this.figures.outputTokens += result.outputTokens;
      this.figures.time += result.generationTime;
    } catch (error) {
      if (!signal.aborted) throw error;
      this.#images = images;
      if (!this.#options.json) await this.#output.write('\n'); // after what is there of it
      throw signal.reason;
    } finally {
      this.#answering = undefined;
    }
  }

  clear(): void {
    this.conversation.clearHistory();
    this.#images = [];
  }
}
