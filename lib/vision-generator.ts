/** Answers about pictures. */

import { abortable } from './abortable.js';
import type { ChatMessage } from './chat-template.js';
import { checkText } from './check.js';
import type { Config } from './config.js';
import { Generation } from './generation.js';
import { type GenerateOptions, resolveParameters } from './generation-parameters.js';
import type { ImageSource } from './image/decode.js';
import type { ModelManager } from './model-manager.js';
import { type GenerationResult, runGeneration } from './run-generation.js';
import { streamOptions } from './text-generator.js';

export interface VisionResult extends GenerationResult {
  /** Width and height of the decoded image. */
  imageSize: [number, number];
}

export class VisionGenerator {
  readonly #manager: ModelManager;
  readonly #config: Config;

  constructor(manager: ModelManager, config: Config = manager.config) {
    this.#manager = manager;
    this.#config = config;
  }

  /**
   * Answers a prompt about an image: a file path, http(s) or data URL, bytes, Blob or sharp instance.
   *
   * The generation rejects as `TextGenerator.generate` does, and with `ImageDecodeError`, `ImageLimitError`, `IoError` or
   * `ConnectionError`.
   */
  generateWithImage(image: ImageSource, prompt: string, options?: GenerateOptions): Generation<VisionResult> {
    const start = performance.now();
    return new Generation(async (control) => {
      checkText('prompt', prompt);
      const { parameters, given } = resolveParameters(this.#config.generation, options);
      const model = this.#manager.requireModel();
      const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text: prompt }] }];
      if (given.systemMessage) messages.unshift({ role: 'system', content: given.systemMessage });
      const rendered = model.processor.applyChatTemplate(messages, { dateString: given.dateString });
      const prepared = await abortable(model.processor.prepareImage(image, { signal: control.signal }), control.signal);
      const { width, height, ...native } = prepared;
      const job = { prompt: rendered, images: [native], parameters, start };
      return { ...(await runGeneration(model, job, control)), imageSize: [width, height] };
    }, streamOptions(options));
  }
}
