/** Answers in text. */

import { type Batch, type BatchItem, type BatchOptions, generationBatch } from './batch.js';
import { batchWidth, type ChatSource, chatSource, compiledOnce, runChat } from './chat.js';
import type { ChatMessage } from './chat-message.js';
import { checkText } from './check.js';
import type { Config } from './config.js';
import { checkSection } from './config-schema.js';
import type { Generation } from './generation.js';
import { BATCH_KEYS, beginGeneration, type GenerateOptions, resolveParameters } from './generation-parameters.js';
import type { ModelManager } from './model-manager.js';
import type { GenerationResult } from './run-generation.js';

/** The options of every answer, and those of the batch; whose piece `onToken` gave, nobody could tell. */
export interface BatchGenerateOptions<T = unknown> extends Omit<GenerateOptions<T>, 'onToken'>, BatchOptions {}

export class TextGenerator implements ChatSource {
  readonly manager: ModelManager;
  /** Where options that a call leaves out come from. */
  readonly config: Config;

  /** @param config default: the manager's. @throws InvalidArgumentError when one is something else */
  constructor(manager: ModelManager, config?: Config) {
    const source = chatSource(manager, config);
    this.manager = source.manager;
    this.config = source.config;
  }

  /**
   * Answers one prompt. Await the result, or iterate over its pieces.
   *
   * @example
   * for await (const piece of generator.generate('한국의 수도는?')) process.stdout.write(piece);
   *
   * The generation rejects with `InvalidArgumentError` (empty prompt, option out of range), `ModelNotLoadedError`,
   * `ContextFullError`, `OutOfMemoryError`, `TimeoutError`, `ClosedError` or the reason of the signal.
   */
  generate<T = unknown>(prompt: string, options?: GenerateOptions<T>): Generation<GenerationResult<T>> {
    return this.#start(options, () => [{ role: 'user', content: checkText('prompt', prompt) }]);
  }

  /**
   * Answers the last of several messages. Their content is a text, or a list of texts and images:
   * `[{ type: 'image', image: 'chart.png' }, { type: 'text', text: '…' }]`.
   *
   * The generation rejects as that of `generate`, and with `ImageDecodeError`, `ImageLimitError`, `IoError` or
   * `ConnectionError`.
   */
  chatGenerate<T = unknown>(
    messages: readonly ChatMessage[],
    options?: GenerateOptions<T>,
  ): Generation<GenerationResult<T>> {
    return this.#start(options, () => messages);
  }

  /**
   * Answers many prompts, computed together; the results come in input order, a failed one as
   * `{ success: false, index, error }`. With a `seed` every prompt is answered with it, with a `timeout` each has that
   * time. The batch itself rejects with `InvalidArgumentError` (not an array, a wrong option) or the reason of the signal.
   */
  batchGenerate<T = unknown>(
    prompts: readonly string[],
    options?: BatchGenerateOptions<T>,
  ): Batch<BatchItem<GenerationResult<T>>> {
    return generationBatch({
      ...{ name: 'prompts', items: prompts, options, concurrency: () => batchWidth(this) },
      check: (shared) => resolveParameters(checkSection(this.config, 'generation'), shared, BATCH_KEYS),
      prepare: compiledOnce,
      generate: (prompt, each) => this.generate(prompt, each),
    });
  }

  #start<T>(
    options: GenerateOptions<T> | undefined,
    messages: () => readonly ChatMessage[],
  ): Generation<GenerationResult<T>> {
    const start = performance.now();
    return beginGeneration(options, async (given, control) =>
      runChat(this, { messages: messages(), options: given, start }, control),
    );
  }
}
