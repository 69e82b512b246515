/** Answers about pictures. */

import { type Batch, type BatchItem, type BatchOptions, generationBatch } from './batch.js';
import { batchWidth, type ChatSource, chatSource, compiledOnce, runChat } from './chat.js';
import { checkBoolean, checkOneOf, checkOptions, checkSignal, checkText } from './check.js';
import type { Config } from './config.js';
import { checkSection } from './config-schema.js';
import { type EncodedImage, type EncodeImageOptions, encodeImage, type ImageInput } from './encoded-image.js';
import type { Generation } from './generation.js';
import { BATCH_KEYS, beginGeneration, type GenerateOptions, resolveParameters } from './generation-parameters.js';
import type { ImageSource } from './image/decode.js';
import type { ModelManager } from './model-manager.js';
import type { GenerationResult } from './run-generation.js';
import {
  LANGUAGES,
  type Language,
  TASK_DEFAULTS,
  TASK_PROMPTS,
  type TaskDefaults,
  type VisionTask,
} from './vision-tasks.js';

export interface VisionOptions<T = unknown> extends GenerateOptions<T> {
  /** Turn the picture upright as its EXIF orientation says; false: take the pixels as they are stored. Default: true */
  preprocess?: boolean | undefined;
}

export interface VisionTaskOptions<T = unknown> extends VisionOptions<T> {
  /** The language of the question, and with it of the answer. Default: "ko" */
  language?: Language | undefined;
}

/** The options of every answer, and those of the batch; whose piece `onToken` gave, nobody could tell. */
export interface BatchAnalyzeOptions<T = unknown> extends Omit<VisionOptions<T>, 'onToken'>, BatchOptions {}

export interface VisionResult<T = unknown> extends GenerationResult<T> {
  /** Width and height of the decoded image. */
  imageSize: [number, number];
}

/**
 * An image is a file path, an http(s), file or data URL, bytes, a Blob, a sharp instance, or what `encodeImage` gave. What
 * every method returns rejects as `TextGenerator.generate` does, and with `ImageDecodeError`, `ImageLimitError`, `IoError`
 * or `ConnectionError`.
 */
export class VisionGenerator implements ChatSource {
  readonly manager: ModelManager;
  /** Where options that a call leaves out come from. */
  readonly config: Config;

  /** @param config default: the manager's. @throws InvalidArgumentError when one is something else */
  constructor(manager: ModelManager, config?: Config) {
    const source = chatSource(manager, config);
    this.manager = source.manager;
    this.config = source.config;
  }

  /** Answers a prompt about an image. */
  generateWithImage<T = unknown>(
    image: ImageInput,
    prompt: string,
    options?: VisionOptions<T>,
  ): Generation<VisionResult<T>> {
    return this.#ask(image, () => checkText('prompt', prompt), options);
  }

  /** Describes what is to be seen: 200 tokens, temperature 0.1. */
  describeImage<T = unknown>(image: ImageInput, options?: VisionTaskOptions<T>): Generation<VisionResult<T>> {
    return this.runTask('describe', image, options);
  }

  /** Reads the text (OCR): 300 tokens, temperature 0, no repetition penalty. */
  extractText<T = unknown>(image: ImageInput, options?: VisionTaskOptions<T>): Generation<VisionResult<T>> {
    return this.runTask('ocr', image, options);
  }

  /** Explains a chart: 300 tokens, temperature 0.1, no repetition penalty. */
  analyzeChart<T = unknown>(image: ImageInput, options?: VisionTaskOptions<T>): Generation<VisionResult<T>> {
    return this.runTask('chart', image, options);
  }

  /** Explains a table: 400 tokens, temperature 0.1, no repetition penalty. */
  analyzeTable<T = unknown>(image: ImageInput, options?: VisionTaskOptions<T>): Generation<VisionResult<T>> {
    return this.runTask('table', image, options);
  }

  /** Converts a document to Markdown: 500 tokens, temperature 0, no repetition penalty. */
  convertToMarkdown<T = unknown>(image: ImageInput, options?: VisionTaskOptions<T>): Generation<VisionResult<T>> {
    return this.runTask('markdown', image, options);
  }

  /** Answers a question: 250 tokens, temperature 0.1. */
  answerVisualQuestion<T = unknown>(
    image: ImageInput,
    question: string,
    options?: VisionOptions<T>,
  ): Generation<VisionResult<T>> {
    return this.#ask(image, () => checkText('question', question), options, TASK_DEFAULTS.question);
  }

  /** Runs a named task: the methods above, and "summarize" (400 tokens, temperature 0.1). */
  runTask<T = unknown>(
    task: VisionTask,
    image: ImageInput,
    options?: VisionTaskOptions<T>,
  ): Generation<VisionResult<T>> {
    const known = typeof task === 'string' && Object.hasOwn(TASK_DEFAULTS, task);
    const defaults = known ? TASK_DEFAULTS[task] : undefined;
    const prompt = (given: VisionTaskOptions<T>) => {
      const language = given.language === undefined ? 'ko' : checkOneOf('language', given.language, LANGUAGES);
      const prompts = TASK_PROMPTS[language];
      return prompts[checkOneOf('task', task, Object.keys(prompts) as VisionTask[])];
    };
    return this.#ask(image, prompt, options, defaults, ['language']);
  }

  /**
   * Asks the same about many images, computed together; the results come in input order, a failed one as
   * `{ success: false, index, error }`. The batch itself rejects with `InvalidArgumentError` (not an array, an empty
   * prompt, a wrong option) or the reason of the signal.
   */
  batchAnalyzeImages<T = unknown>(
    images: readonly ImageInput[],
    prompt: string,
    options?: BatchAnalyzeOptions<T>,
  ): Batch<BatchItem<VisionResult<T>>> {
    return generationBatch({
      ...{ name: 'images', items: images, options, concurrency: () => batchWidth(this) },
      check: (shared) => {
        checkText('prompt', prompt);
        resolveParameters(checkSection(this.config, 'generation'), shared, [...BATCH_KEYS, 'preprocess']);
        isUpright(shared);
      },
      prepare: compiledOnce,
      generate: (image, each) => this.generateWithImage(image, prompt, each),
    });
  }

  /**
   * Makes an image ready before anybody asks about it, and keeps it so: see {@link EncodedImage}. It is turned upright. An
   * image that is being encoded for somebody else, or is known already, is not encoded again; answers under way go on in
   * between. While answers hold all places for images, it waits for one, in line with other calls.
   *
   * @throws ImageDecodeError, ImageLimitError, IoError, ConnectionError when the image cannot be read; InvalidArgumentError
   * when it or an option is something else
   * @throws ContextFullError when kept images hold all `hardware.maxImages` places
   * @throws ModelNotLoadedError, ClosedError, OutOfMemoryError, BackendError; the reason of the signal
   */
  async encodeImage(image: ImageSource, options?: EncodeImageOptions): Promise<EncodedImage> {
    const { signal } = checkOptions('options', options, ['signal']);
    if (signal !== undefined) checkSignal('signal', signal);
    return encodeImage(this.manager.requireModel(), image, signal);
  }

  #ask<T>(
    image: ImageInput,
    prompt: (given: VisionTaskOptions<T>) => string,
    options: VisionTaskOptions<T> | undefined,
    defaults: Partial<TaskDefaults> = {},
    ownKeys: readonly string[] = [],
  ): Generation<VisionResult<T>> {
    const start = performance.now();
    return beginGeneration(options, async (given, control) => {
      const text = prompt(given);
      const upright = isUpright(given);
      const content = [{ type: 'image', image } as const, { type: 'text', text } as const];
      const request = { messages: [{ role: 'user', content }], options: given, defaults, upright, start };
      const result = await runChat(this, { ...request, ownKeys: ['preprocess', ...ownKeys] }, control);
      const [imageSize] = result.imageSizes;
      return { ...result, imageSize: imageSize as [number, number] };
    });
  }
}

function isUpright({ preprocess }: VisionOptions): boolean {
  return preprocess === undefined || checkBoolean('preprocess', preprocess);
}
