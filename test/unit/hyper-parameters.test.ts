import { expect, test } from 'vitest';
import { openCheckpoint } from '../../lib/convert/checkpoint.js';
import { readHyperParameters, visionOutputLength, visionPositions } from '../../lib/convert/hyper-parameters.js';
import { inMemory, tinyConfig, tinyFiles } from '../support/tiny-checkpoint.js';

const read = async (config: object, files: Record<string, unknown> = {}) =>
  readHyperParameters(await openCheckpoint(inMemory(tinyFiles({ files: { 'config.json': config, ...files } }))));

/** The tiny config with some keys of its towers replaced; undefined takes a key out. */
const changed = (text: object, vision: object = {}) => {
  const config = tinyConfig();
  return {
    ...config,
    text_config: { ...config.text_config, ...text },
    vision_config: { ...config.vision_config, ...vision },
  };
};

test('an empty config means the defaults of transformers', async () => {
  const { text, vision, imageTokenId, name } = await read({});
  expect(text).toEqual({
    vocabSize: 128256,
    contextLength: 131072,
    embeddingLength: 4096,
    feedForwardLength: 14336,
    blockCount: 40,
    headCount: 32,
    headCountKv: 8,
    rmsEpsilon: 1e-5,
    crossLayers: [3, 8, 13, 18, 23, 28, 33, 38],
    tiedHead: false,
    ropeBase: 500000,
    ropeScaling: undefined,
  });
  expect(vision).toMatchObject({
    embeddingLength: 1280,
    feedForwardLength: 5120,
    blockCount: 32,
    globalBlockCount: 8,
    headCount: 16,
    normEpsilon: 1e-5,
    imageSize: 448,
    patchSize: 14,
    channels: 3,
    maxTiles: 4,
    intermediateLayers: [3, 7, 15, 23, 30],
    imageMean: [0.48145466, 0.4578275, 0.40821073],
    imageStd: [0.26862954, 0.26130258, 0.27577711],
    rescaleFactor: 1 / 255,
  });
  expect(vision.aspectRatios).toHaveLength(8);
  expect(visionOutputLength(vision)).toBe(7680);
  expect(visionPositions(vision)).toBe(1025);
  expect(imageTokenId).toBe(128256);
  expect(name).toBe('tiny');
});

const LLAMA3 = { factor: 32, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

test.each([
  ['rope_scaling with rope_type', { rope_theta: 7, rope_scaling: { rope_type: 'llama3', ...LLAMA3 } }],
  ['rope_scaling with type', { rope_theta: 7, rope_scaling: { type: 'llama3', ...LLAMA3 } }],
  [
    'rope_parameters',
    {
      rope_theta: undefined,
      rope_scaling: undefined,
      rope_parameters: { rope_type: 'llama3', rope_theta: 7, ...LLAMA3 },
    },
  ],
])('RoPE is read from %s', async (_, rope) => {
  const { text } = await read(changed(rope));
  expect(text.ropeBase).toBe(7);
  expect(text.ropeScaling).toEqual({
    factor: 32,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalContextLength: 8192,
  });
});

test('the newer name of the vision heads is read', async () => {
  expect((await read(changed({}, { attention_heads: undefined, num_attention_heads: 4 }))).vision.headCount).toBe(4);
});

test('steps that the image processor leaves out become neutral', async () => {
  const { vision } = await read(tinyConfig(), {
    'preprocessor_config.json': { do_normalize: false, do_rescale: false },
  });
  expect(vision).toMatchObject({ imageMean: [0, 0, 0], imageStd: [1, 1, 1], rescaleFactor: 1 });
});

test('the image processor is also found in processor_config.json', async () => {
  const image_processor = { image_mean: [1, 2, 3] };
  expect((await read(tinyConfig(), { 'processor_config.json': { image_processor } })).vision.imageMean).toEqual([
    1, 2, 3,
  ]);
});

test.each([
  ['another model', { model_type: 'llama' }, /describes a "llama" model/],
  ['another RoPE', changed({ rope_scaling: { rope_type: 'yarn', factor: 2 } }), /rope_type is "yarn"/],
  ['another activation', changed({ hidden_act: 'gelu' }), /hidden_act is "gelu/],
  ['another vision activation', changed({}, { hidden_act: 'gelu_pytorch_tanh' }), /hidden_act is "gelu_pytorch_tanh/],
  ['another vision epsilon', changed({}, { norm_eps: 1e-6 }), /norm_eps is 0\.000001/],
  ['four channels', changed({}, { num_channels: 4 }), /num_channels is 4; only 3/],
  ['another output width', changed({}, { vision_output_dim: 7680 }), /vision_output_dim is 7680; only 96/],
])('%s is unsupported', async (_, config, message) => {
  await expect(read(config)).rejects.toMatchObject({
    code: 'ERR_MODEL_UNSUPPORTED',
    message: expect.stringMatching(message),
  });
});

test.each([
  ['a width that is text', changed({ hidden_size: '64' }), /hidden_size is "64"; it must be an integer from 1/],
  ['a width of zero', changed({ hidden_size: 0 }), /hidden_size is 0/],
  ['a fraction of a layer', changed({ num_hidden_layers: 2.5 }), /num_hidden_layers is 2\.5/],
  [
    'heads that do not divide the width',
    changed({ num_attention_heads: 3 }),
    /num_attention_heads is 3; it must be a divisor/,
  ],
  ['more groups than heads', changed({ num_key_value_heads: 3 }), /num_key_value_heads is 3/],
  ['cross layers out of order', changed({ cross_attention_layers: [3, 1] }), /ascending/],
  ['a cross layer beyond the last', changed({ cross_attention_layers: [1, 4] }), /below num_hidden_layers \(4\)/],
  [
    'a kept state beyond the last layer',
    changed({}, { intermediate_layers_indices: [0, 3] }),
    /intermediate_layers_indices is 3/,
  ],
  [
    'patches that do not fill a tile',
    changed({}, { image_size: 30 }),
    /patch_size is 14; it must be a divisor of image_size/,
  ],
  ['a canvas with too many tiles', changed({}, { supported_aspect_ratios: [[1, 5]] }), /at most 4 tiles/],
  ['aspect ratios that are no pairs', changed({}, { supported_aspect_ratios: [[1]] }), /\[rows, cols\]/],
  ['llama3 scaling without its factor', changed({ rope_scaling: { rope_type: 'llama3' } }), /factor is undefined/],
  ['an epsilon of zero', changed({ rms_norm_eps: 0 }), /rms_norm_eps is 0/],
  ['a tower that is a list', { ...tinyConfig(), text_config: [] }, /text_config is \[\]; it must be an object/],
])('%s is a format error', async (_, config, message) => {
  await expect(read(config)).rejects.toMatchObject({
    code: 'ERR_MODEL_FORMAT',
    message: expect.stringMatching(message),
  });
});

test.each([
  ['tile size', { size: { height: 56, width: 56 } }, /height is 56; only 28/],
  ['tile count', { max_image_tiles: 9 }, /max_image_tiles is 9; only 4/],
  ['filter', { resample: 3 }, /resample is 3; only 2/],
])('an image processor with another %s than the tower is unsupported', async (_, processor, message) => {
  await expect(read(tinyConfig(), { 'preprocessor_config.json': processor })).rejects.toThrow(message);
});
