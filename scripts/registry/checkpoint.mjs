// A checkpoint of the architecture that the registry expects of a model: config.json and the shapes of all tensors,
// without a single weight. Enough for the converter to plan a file.
import { PRESETS } from '../random-checkpoint/presets.mjs';
import { randomTensors } from '../random-checkpoint/tensors.mjs';

/** All published models have the same vision tower, apart from the size of a tile. */
const VISION = PRESETS['aica-5b'].vision;
const BF16_BYTES = 2;

export function configOf(architecture) {
  return {
    model_type: 'mllama',
    image_token_index: architecture.vocabSize,
    text_config: {
      vocab_size: architecture.vocabSize,
      hidden_size: architecture.embeddingLength,
      intermediate_size: architecture.feedForwardLength,
      num_hidden_layers: architecture.layers,
      cross_attention_layers: architecture.crossLayers,
      num_attention_heads: architecture.headCount,
      num_key_value_heads: architecture.headCountKv,
      max_position_embeddings: architecture.contextLength,
      rope_scaling: {
        ...{ rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
        original_max_position_embeddings: 8192,
      },
    },
    vision_config: {
      hidden_size: VISION.width,
      intermediate_size: VISION.inner,
      attention_heads: VISION.heads,
      num_hidden_layers: VISION.layers,
      num_global_layers: VISION.globalLayers,
      intermediate_layers_indices: VISION.intermediates,
      image_size: architecture.imageSize,
      patch_size: VISION.patchSize,
      max_num_tiles: architecture.maxTiles,
    },
  };
}

/** The converter's view of the tensors, all of them in BF16. */
export function tensorsOf(architecture) {
  const text = {
    ...{ width: architecture.embeddingLength, inner: architecture.feedForwardLength, layers: architecture.layers },
    ...{ heads: architecture.headCount, kvHeads: architecture.headCountKv, crossLayers: architecture.crossLayers },
  };
  const preset = { text, vision: { ...VISION, imageSize: architecture.imageSize } };
  return new Map(
    randomTensors(preset, architecture.vocabSize).map(({ name, shape }) => {
      const bytes = shape.reduce((product, n) => product * n, BF16_BYTES);
      return [name, { name, shape, bytes, dtype: 'BF16' }];
    }),
  );
}
