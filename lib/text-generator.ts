/** Answers in text. */

import type { ChatMessage } from './chat-template.js';
import { checkText } from './check.js';
import type { Config } from './config.js';
import { Generation } from './generation.js';
import { type GenerateOptions, resolveParameters } from './generation-parameters.js';
import type { ModelManager } from './model-manager.js';
import { type GenerationResult, runGeneration } from './run-generation.js';

export class TextGenerator {
  readonly #manager: ModelManager;
  readonly #config: Config;

  constructor(manager: ModelManager, config: Config = manager.config) {
    this.#manager = manager;
    this.#config = config;
  }

  /**
   * Answers one prompt. Await the result, or iterate over its pieces.
   *
   * @example
   * for await (const piece of generator.generate('한국의 수도는?')) process.stdout.write(piece);
   *
   * The generation rejects with `InvalidArgumentError` (empty prompt, option out of range), `ModelNotLoadedError`,
   * `ContextFullError`, `OutOfMemoryError`, `ClosedError` or the reason of the signal.
   */
  generate(prompt: string, options?: GenerateOptions): Generation<GenerationResult> {
    const start = performance.now();
    return new Generation(async (control) => {
      checkText('prompt', prompt);
      const { parameters, given } = resolveParameters(this.#config.generation, options);
      const messages: ChatMessage[] = [{ role: 'user', content: prompt }];
      if (given.systemMessage) messages.unshift({ role: 'system', content: given.systemMessage });
      const model = this.#manager.requireModel();
      const rendered = model.processor.applyChatTemplate(messages, { dateString: given.dateString });
      const job = { prompt: rendered, images: [], parameters, start };
      return runGeneration(model, job, control);
    }, streamOptions(options));
  }
}

/** The two options that the stream itself needs, where they are what they should be; wrong ones reject later. */
export function streamOptions(options: GenerateOptions | undefined): Pick<GenerateOptions, 'signal' | 'onToken'> {
  return {
    signal: options?.signal instanceof AbortSignal ? options.signal : undefined,
    onToken: typeof options?.onToken === 'function' ? options.onToken : undefined,
  };
}
