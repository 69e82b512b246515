import { ModelFormatError, ModelUnsupportedError } from '../errors.js';
import type { Checkpoint } from './checkpoint.js';
import { excerpt, isSingle, type JsonReader } from './json.js';

/** The numbers of a Mllama checkpoint. Names follow docs/gguf.md. */
export interface HyperParameters {
  name: string;
  text: TextParameters;
  vision: VisionParameters;
  imageTokenId: number;
}

/**
 * Which state of a vision layer `intermediate_layers_indices` means. Released weights were trained with the state that
 * enters the layer, which is what Meta's code and transformers up to 4.53 compute; transformers from 4.57 on computes the
 * one that leaves it, so a model fine-tuned there may want that.
 */
export const INTERMEDIATE_STATES = ['entering', 'leaving'] as const;
export type IntermediateStates = (typeof INTERMEDIATE_STATES)[number];

export interface TextParameters {
  vocabSize: number;
  contextLength: number;
  embeddingLength: number;
  feedForwardLength: number;
  blockCount: number;
  headCount: number;
  headCountKv: number;
  rmsEpsilon: number;
  /** Ascending. */
  crossLayers: readonly number[];
  tiedHead: boolean;
  ropeBase: number;
  ropeScaling: Llama3Scaling | undefined;
}

/** The llama3 kind of RoPE scaling. */
export interface Llama3Scaling {
  factor: number;
  lowFrequencyFactor: number;
  highFrequencyFactor: number;
  originalContextLength: number;
}

export interface VisionParameters {
  embeddingLength: number;
  feedForwardLength: number;
  blockCount: number;
  globalBlockCount: number;
  headCount: number;
  normEpsilon: number;
  imageSize: number;
  patchSize: number;
  channels: number;
  maxTiles: number;
  /** Ascending. */
  intermediateLayers: readonly number[];
  /** (rows, cols) */
  aspectRatios: readonly (readonly [number, number])[];
  imageMean: readonly number[];
  imageStd: readonly number[];
  rescaleFactor: number;
}

/** What MllamaConfig takes for a key that config.json leaves out. */
const DEFAULT_CROSS_LAYERS = [3, 8, 13, 18, 23, 28, 33, 38];
const DEFAULT_INTERMEDIATE_LAYERS = [3, 7, 15, 23, 30];
const DEFAULT_ASPECT_RATIOS: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, 2],
  [1, 3],
  [1, 4],
  [2, 1],
  [2, 2],
  [3, 1],
  [4, 1],
];
/** Characters of a model's name that are kept. */
const MAX_NAME = 256;
/** CLIP's, which MllamaImageProcessor takes by default. */
const DEFAULT_MEAN = [0.48145466, 0.4578275, 0.40821073];
const DEFAULT_STD = [0.26862954, 0.26130258, 0.27577711];
/** The tower's first and last norm have this epsilon whatever the config says. */
const LAYER_NORM_EPSILON = 1e-5;
/** PIL's code of the bilinear filter. */
const BILINEAR = 2;

export const textHeadSize = (text: TextParameters): number => text.embeddingLength / text.headCount;
export const visionPositions = (vision: VisionParameters): number => (vision.imageSize / vision.patchSize) ** 2 + 1;
export const visionOutputLength = (vision: VisionParameters): number =>
  vision.embeddingLength * (1 + vision.intermediateLayers.length);

/** Reads and checks the numbers. A missing key takes the default of transformers; a key of the wrong kind is an error. */
export function readHyperParameters(
  checkpoint: Checkpoint,
  intermediates: IntermediateStates = 'entering',
): HyperParameters {
  const { config } = checkpoint;
  const modelType = config.text('model_type', 'mllama');
  if (modelType !== 'mllama') {
    throw new ModelUnsupportedError(
      `config.json describes a ${excerpt(modelType)} model; only "mllama" can be converted`,
    );
  }
  const text = readText(config.child('text_config'), config);
  return {
    name: modelName(checkpoint),
    text,
    vision: readVision(config.child('vision_config'), checkpoint.preprocessorConfig, intermediates),
    imageTokenId: config.integer(['image_token_index', 'image_token_id'], 128256, 0),
  };
}

function modelName({ config, location }: Checkpoint): string {
  const name = config.text('_name_or_path', '').split(/[/\\]/).pop();
  return (name || location.split(/[/\\]/).filter(Boolean).pop() || 'mllama').slice(0, MAX_NAME);
}

function readText(config: JsonReader, top: JsonReader): TextParameters {
  expect(config, 'hidden_act', config.text('hidden_act', 'silu'), 'silu');
  const rope = config.child('rope_parameters', 'rope_scaling');
  const text: TextParameters = {
    vocabSize: config.integer('vocab_size', 128256),
    contextLength: config.integer('max_position_embeddings', 131072),
    embeddingLength: config.integer('hidden_size', 4096),
    feedForwardLength: config.integer('intermediate_size', 14336),
    blockCount: config.integer('num_hidden_layers', 40),
    headCount: config.integer('num_attention_heads', 32),
    headCountKv: config.integer('num_key_value_heads', 8),
    rmsEpsilon: config.positive('rms_norm_eps', 1e-5),
    crossLayers: ascending(config, 'cross_attention_layers', DEFAULT_CROSS_LAYERS),
    tiedHead: config.boolean('tie_word_embeddings', top.boolean('tie_word_embeddings', false)),
    ropeBase: rope.positive('rope_theta', config.positive('rope_theta', 500000)),
    ropeScaling: readScaling(rope),
  };
  divides(config, 'num_attention_heads', text.headCount, 'hidden_size', text.embeddingLength);
  divides(config, 'num_key_value_heads', text.headCountKv, 'num_attention_heads', text.headCount);
  if (textHeadSize(text) % 2 !== 0) {
    throw new ModelFormatError(`${config.where}: a head has ${textHeadSize(text)} elements; RoPE needs an even number`);
  }
  below(config, 'cross_attention_layers', text.crossLayers, text.blockCount);
  return text;
}

function readScaling(rope: JsonReader): Llama3Scaling | undefined {
  const type = rope.text(['rope_type', 'type'], 'default');
  if (type === 'default') {
    return undefined;
  }
  if (type !== 'llama3') {
    throw new ModelUnsupportedError(
      `${rope.where}: rope_type is ${excerpt(type)}; only "default" and "llama3" are supported`,
    );
  }
  const required = (key: string): number => {
    if (rope.value(key) === undefined) {
      throw rope.wrong(key, undefined, 'given with the rope_type "llama3"');
    }
    return rope.positive(key, 1);
  };
  const scaling = {
    factor: required('factor'),
    lowFrequencyFactor: required('low_freq_factor'),
    highFrequencyFactor: required('high_freq_factor'),
    originalContextLength: rope.integer(
      'original_max_position_embeddings',
      required('original_max_position_embeddings'),
    ),
  };
  if (scaling.highFrequencyFactor <= scaling.lowFrequencyFactor) {
    throw rope.wrong('high_freq_factor', scaling.highFrequencyFactor, 'above low_freq_factor');
  }
  return scaling;
}

function readVision(config: JsonReader, image: JsonReader, intermediates: IntermediateStates): VisionParameters {
  expect(config, 'hidden_act', config.text('hidden_act', 'gelu'), 'gelu');
  expect(config, 'norm_eps', config.positive('norm_eps', LAYER_NORM_EPSILON), LAYER_NORM_EPSILON);
  const vision: VisionParameters = {
    embeddingLength: config.integer('hidden_size', 1280),
    feedForwardLength: config.integer('intermediate_size', 5120),
    blockCount: config.integer('num_hidden_layers', 32),
    globalBlockCount: config.integer('num_global_layers', 8),
    headCount: config.integer(['attention_heads', 'num_attention_heads'], 16),
    normEpsilon: LAYER_NORM_EPSILON,
    imageSize: config.integer('image_size', 448),
    patchSize: config.integer('patch_size', 14),
    channels: config.integer('num_channels', 3),
    maxTiles: config.integer('max_num_tiles', 4),
    intermediateLayers: ascending(config, 'intermediate_layers_indices', DEFAULT_INTERMEDIATE_LAYERS),
    aspectRatios: readAspectRatios(config),
    ...readPixelScale(image),
  };
  expect(config, 'num_channels', vision.channels, 3);
  divides(config, 'attention_heads', vision.headCount, 'hidden_size', vision.embeddingLength);
  divides(config, 'patch_size', vision.patchSize, 'image_size', vision.imageSize);
  below(config, 'intermediate_layers_indices', vision.intermediateLayers, vision.blockCount);
  if (intermediates === 'leaving') {
    // What leaves a layer enters the next one, and the file speaks of entering.
    vision.intermediateLayers = vision.intermediateLayers.map((layer) => layer + 1);
  }
  expect(
    config,
    'vision_output_dim',
    config.integer('vision_output_dim', visionOutputLength(vision)),
    visionOutputLength(vision),
  );
  for (const [rows, cols] of vision.aspectRatios) {
    if (rows * cols > vision.maxTiles) {
      throw config.wrong('supported_aspect_ratios', [rows, cols], `of at most ${vision.maxTiles} tiles`);
    }
  }
  checkProcessor(image, vision);
  return vision;
}

function readAspectRatios(config: JsonReader): readonly (readonly [number, number])[] {
  const value = config.value('supported_aspect_ratios') ?? DEFAULT_ASPECT_RATIOS;
  const isSide = (side: unknown) => Number.isSafeInteger(side) && (side as number) > 0;
  const isPair = (pair: unknown) => Array.isArray(pair) && pair.length === 2 && pair.every(isSide);
  if (!Array.isArray(value) || value.length === 0 || !value.every(isPair)) {
    throw config.wrong('supported_aspect_ratios', value, 'an array of [rows, cols]');
  }
  return value as [number, number][];
}

/** How pixels become numbers; the steps that the processor was told to leave out become neutral factors. */
function readPixelScale(image: JsonReader) {
  const normalize = image.boolean('do_normalize', true);
  const triple = (key: string, fallback: number[]): number[] => {
    const value = image.value(key) ?? fallback;
    if (!Array.isArray(value) || value.length !== 3 || !value.every(isSingle)) {
      throw image.wrong(key, value, 'three numbers');
    }
    return value;
  };
  const imageStd = normalize ? triple('image_std', DEFAULT_STD) : [1, 1, 1];
  if (imageStd.some((deviation) => Math.fround(deviation) <= 0)) {
    throw image.wrong('image_std', imageStd, 'three numbers above 0');
  }
  return {
    imageMean: normalize ? triple('image_mean', DEFAULT_MEAN) : [0, 0, 0],
    imageStd,
    rescaleFactor: image.boolean('do_rescale', true) ? image.positive('rescale_factor', 1 / 255) : 1,
  };
}

/** The image processor must make the tiles that the tower was built for. */
function checkProcessor(image: JsonReader, vision: VisionParameters): void {
  const size = image.child('size');
  expect(size, 'height', size.integer('height', vision.imageSize), vision.imageSize);
  expect(size, 'width', size.integer('width', vision.imageSize), vision.imageSize);
  expect(image, 'max_image_tiles', image.integer('max_image_tiles', vision.maxTiles), vision.maxTiles);
  expect(image, 'resample', image.integer('resample', BILINEAR, 0), BILINEAR);
}

function ascending(config: JsonReader, key: string, fallback: readonly number[]): number[] {
  const layers = config.integers(key, fallback);
  if (layers.some((layer, i) => i > 0 && layer <= (layers[i - 1] as number))) {
    throw config.wrong(key, layers, 'in ascending order without repeats');
  }
  return layers;
}

function below(config: JsonReader, key: string, layers: readonly number[], count: number): void {
  const last = layers.at(-1);
  if (last !== undefined && last >= count) {
    throw config.wrong(key, last, `below num_hidden_layers (${count})`);
  }
}

function divides(config: JsonReader, key: string, part: number, wholeKey: string, whole: number): void {
  if (whole % part !== 0) {
    throw config.wrong(key, part, `a divisor of ${wholeKey} (${whole})`);
  }
}

function expect(config: JsonReader, key: string, seen: string | number, only: string | number): void {
  if (seen !== only) {
    throw new ModelUnsupportedError(
      `${config.where}: ${key} is ${typeof seen === 'string' ? excerpt(seen) : seen}; only ${only} is supported here`,
    );
  }
}
