/** Answers a conversation: messages to a prompt, their pictures to tiles, both to the engine. */

import { abortable } from './abortable.js';
import { type ChatMessage, type SeparatedMessages, separateImages } from './chat-message.js';
import { checkInstance, fail, isInstance } from './check.js';
import { Config } from './config.js';
import { checkSection, type GenerationSection } from './config-schema.js';
import { EncodedImage, type ImageInput, tilesOf, tilesOfFile } from './encoded-image.js';
import { ContextFullError, InvalidArgumentError } from './errors.js';
import type { GenerationControl } from './generation.js';
import { GENERATE_KEYS, type GenerateOptions, resolveParameters } from './generation-parameters.js';
import type { PreparedImage } from './image/prepare.js';
import { type LoadedModel, ModelManager } from './model-manager.js';
import { type GenerationResult, runGeneration } from './run-generation.js';
import { compileResponseFormat } from './structured/response-format.js';

/** Where a generator takes its model and its defaults from. */
export interface ChatSource {
  readonly manager: ModelManager;
  readonly config: Config;
}

/** @throws InvalidArgumentError when one is something else */
export function chatSource(manager: ModelManager, config?: Config): ChatSource {
  checkInstance('modelManager', manager, ModelManager, 'a ModelManager');
  if (config !== undefined) checkInstance('config', config, Config, 'a Config');
  return { manager, config: config ?? manager.config };
}

export interface ChatRequest<T> {
  messages: readonly ChatMessage[];
  options: GenerateOptions<T> | undefined;
  /** What goes before `config.generation`. */
  defaults?: Partial<GenerationSection>;
  /** Options of the call that are its own; they do not come here, but are allowed. */
  ownKeys?: readonly string[];
  /** Turn pictures upright. Default: true */
  upright?: boolean;
  /** `performance.now()` of the call. */
  start: number;
}

/** @throws what `TextGenerator.generate` and `VisionGenerator.generateWithImage` name */
export async function runChat<T>(
  { manager, config }: ChatSource,
  { messages, options, defaults, ownKeys = [], upright = true, start }: ChatRequest<T>,
  control: GenerationControl,
): Promise<GenerationResult<T>> {
  const known = [...GENERATE_KEYS, ...ownKeys];
  const configured = checkSection(config, 'generation');
  const { parameters, given } = resolveParameters({ ...configured, ...defaults }, options, known);
  const bare = withSystem(separateImages(messages), given.systemMessage);
  const { responseFormat } = given;
  const format = responseFormat === undefined ? undefined : await compileResponseFormat(responseFormat);
  const model = manager.requireModel();
  checkImageCount(bare.images.length, model.info.maxImages);
  const prompt = model.processor.applyChatTemplate(bare.messages, { dateString: given.dateString });
  const prepared = await Promise.all(
    bare.images.map(async (image, i) => {
      if (image === undefined) fail(`image ${i + 1} of the messages`, 'an image', image);
      return prepareInput(image, model, upright, control.signal);
    }),
  );
  const images = prepared.map(({ width: _width, height: _height, ...native }) => native);
  const result = await runGeneration(model, { prompt, images, parameters, format, start }, control);
  return { ...result, imageSizes: prepared.map(({ width, height }) => [width, height]) };
}

/** The tiles of an image: those of an encoded one are there already. */
async function prepareInput(
  image: ImageInput,
  model: LoadedModel,
  upright: boolean,
  signal: AbortSignal,
): Promise<PreparedImage> {
  if (isInstance(image, EncodedImage)) {
    if (upright) return tilesOf(image, model);
    throw new InvalidArgumentError(
      'An encoded image is upright already: leave preprocess: false out, or pass the image itself',
    );
  }
  const known = upright ? tilesOfFile(image, model) : undefined;
  return known ?? abortable(model.processor.prepareImage(image, { upright, signal }), signal);
}

/** Before any is decoded: thousands of them would fill the memory first. */
function checkImageCount(count: number, maxImages: number): void {
  if (count <= maxImages) return;
  throw new ContextFullError(
    `The messages hold ${count} images, but the model was loaded for ${maxImages}: send fewer or raise hardware.maxImages`,
  );
}

function withSystem(bare: SeparatedMessages, systemMessage: string | undefined): SeparatedMessages {
  if (!systemMessage) return bare;
  if (bare.messages[0]?.role === 'system') {
    throw new InvalidArgumentError(
      'The system message is given twice: in the messages and as the option systemMessage. Leave one out',
    );
  }
  return { ...bare, messages: [{ role: 'system', content: systemMessage }, ...bare.messages] };
}

/** Requests in flight for a batch: enough that the engine always finds the next one waiting. */
export function batchWidth({ manager }: ChatSource): number {
  return 2 * (checkSection(manager.config, 'hardware').maxBatchSize ?? 4);
}

/** The options of a batch with their format compiled, so that a wrong one ends the batch before anything runs. */
export async function compiledOnce<O extends GenerateOptions>(options: O): Promise<O> {
  const { responseFormat } = options;
  if (responseFormat === undefined) return options;
  return { ...options, responseFormat: await compileResponseFormat(responseFormat) };
}
