// The numbers of the checkpoints that can be made.

const VISION = {
  width: 1280,
  inner: 5120,
  heads: 16,
  layers: 32,
  globalLayers: 8,
  intermediates: [3, 7, 15, 23, 30],
  imageSize: 560,
  patchSize: 14,
};

/**
 * - aica-5b: Bllossom/llama-3.2-Korean-Bllossom-AICA-5B, 857 tensors, 5,198,628,129 parameters, three shards. Its RoPE
 *   factor is not known; 32 is that of the Llama 3.2 3B it was made from.
 * - small: a text model of about 100 M parameters with the real vocabulary: the cost per token outside of the weights shows.
 * - tiny: a few MB; all widths are multiples of 256, so that every block type can store it, and there are enough layers
 *   for every rule of the mixes to apply.
 */
export const PRESETS = {
  'aica-5b': {
    name: 'random-aica-5b',
    tokenizer: 'llama3',
    text: { width: 3072, inner: 8192, heads: 24, kvHeads: 8, crossLayers: [3, 8, 13, 18, 23, 28, 33], layers: 35 },
    vision: VISION,
    shardBytes: 5_000_000_000,
  },
  small: {
    name: 'random-small',
    tokenizer: 'llama3',
    text: { width: 512, inner: 1536, heads: 8, kvHeads: 4, crossLayers: [3, 8], layers: 12 },
    vision: { ...VISION, width: 256, inner: 1024, heads: 4, layers: 6, globalLayers: 2, intermediates: [1, 3] },
    shardBytes: 5_000_000_000,
  },
  tiny: {
    name: 'random-tiny',
    tokenizer: 'bytes',
    text: { width: 256, inner: 512, heads: 4, kvHeads: 2, crossLayers: [3, 8], layers: 12 },
    vision: {
      ...{ width: 256, inner: 256, heads: 4, layers: 3, globalLayers: 2, intermediates: [0, 2] },
      ...{ imageSize: 56, patchSize: 14 },
    },
    shardBytes: 6_000_000,
  },
};
