// A checkpoint of the architecture that the registry expects of a model: config.json and the shapes of all tensors,
// without a single weight. Enough for the converter to plan a file.

/** The part of a Mllama config that all published models share. */
const VISION = { hidden_size: 1280, intermediate_size: 5120, num_hidden_layers: 32, num_global_layers: 8 };
const INTERMEDIATE_LAYERS = [3, 7, 15, 23, 30];
const CHANNELS = 3;
const PATCH = 14;
const RATIOS = 8;
/** Rows of the embeddings beyond the vocabulary: the image token and its neighbours. */
const EXTRA_ROWS = 8;
const BF16_BYTES = 2;

export function configOf(architecture) {
  const { layers, crossLayers, embeddingLength, feedForwardLength, headCount, headCountKv } = architecture;
  return {
    model_type: 'mllama',
    image_token_index: architecture.vocabSize,
    text_config: {
      vocab_size: architecture.vocabSize,
      hidden_size: embeddingLength,
      intermediate_size: feedForwardLength,
      num_hidden_layers: layers,
      cross_attention_layers: crossLayers,
      num_attention_heads: headCount,
      num_key_value_heads: headCountKv,
      max_position_embeddings: architecture.contextLength,
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      },
    },
    vision_config: {
      ...VISION,
      intermediate_layers_indices: INTERMEDIATE_LAYERS,
      image_size: architecture.imageSize,
      patch_size: PATCH,
      max_num_tiles: architecture.maxTiles,
    },
  };
}

/** The converter's view of the tensors, all of them in BF16. */
export function tensorsOf(architecture) {
  const shapes = [...textShapes(architecture), ...visionShapes(architecture)];
  return new Map(
    shapes.map(([name, shape]) => {
      const bytes = shape.reduce((product, n) => product * n, BF16_BYTES);
      return [name, { name, shape, bytes, dtype: 'BF16' }];
    }),
  );
}

function* textShapes({ layers, crossLayers, vocabSize, embeddingLength: width, ...others }) {
  const text = 'language_model.model.';
  yield [`${text}embed_tokens.weight`, [vocabSize + EXTRA_ROWS, width]];
  yield [`${text}norm.weight`, [width]];
  yield ['language_model.lm_head.weight', [vocabSize, width]];
  for (let layer = 0; layer < layers; layer++) {
    yield* layerShapes(`${text}layers.${layer}.`, crossLayers.includes(layer), { width, ...others });
  }
  yield ['multi_modal_projector.weight', [width, VISION.hidden_size * (1 + INTERMEDIATE_LAYERS.length)]];
  yield ['multi_modal_projector.bias', [width]];
}

function* layerShapes(at, isCross, { width, feedForwardLength: inner, headCount, headCountKv }) {
  const headSize = width / headCount;
  const kvWidth = headCountKv * headSize;
  const attention = `${at}${isCross ? 'cross' : 'self'}_attn`;
  for (const [part, rows] of [
    ['q', width],
    ['k', kvWidth],
    ['v', kvWidth],
    ['o', width],
  ]) {
    yield [`${attention}.${part}_proj.weight`, [rows, width]];
  }
  if (isCross) {
    yield [`${attention}.q_norm.weight`, [headSize]];
    yield [`${attention}.k_norm.weight`, [headSize]];
    yield [`${at}cross_attn_attn_gate`, [1]];
    yield [`${at}cross_attn_mlp_gate`, [1]];
  }
  for (const norm of ['input_layernorm', 'post_attention_layernorm']) yield [`${at}${norm}.weight`, [width]];
  for (const part of ['gate', 'up']) yield [`${at}mlp.${part}_proj.weight`, [inner, width]];
  yield [`${at}mlp.down_proj.weight`, [width, inner]];
}

function* visionShapes({ imageSize, maxTiles }) {
  const { hidden_size: width, num_hidden_layers, num_global_layers } = VISION;
  const positions = (imageSize / PATCH) ** 2 + 1;
  const at = 'vision_model.';
  yield [`${at}class_embedding`, [width]];
  yield [`${at}patch_embedding.weight`, [width, CHANNELS, PATCH, PATCH]];
  yield [`${at}gated_positional_embedding.gate`, [1]];
  yield [`${at}gated_positional_embedding.embedding`, [positions, width]];
  yield [`${at}gated_positional_embedding.tile_embedding.weight`, [RATIOS + 1, maxTiles * positions * width]];
  for (const stage of ['pre', 'post']) {
    yield [`${at}${stage}_tile_positional_embedding.gate`, [1]];
    yield [`${at}${stage}_tile_positional_embedding.embedding.weight`, [RATIOS + 1, maxTiles * width]];
    yield [`${at}layernorm_${stage}.weight`, [width]];
    yield [`${at}layernorm_${stage}.bias`, [width]];
  }
  for (let layer = 0; layer < num_hidden_layers; layer++) yield* visionLayer(`${at}transformer.layers.${layer}.`);
  for (let layer = 0; layer < num_global_layers; layer++) {
    const global = `${at}global_transformer.layers.${layer}.`;
    yield* visionLayer(global);
    yield [`${global}gate_attn`, [1]];
    yield [`${global}gate_ffn`, [1]];
  }
}

function* visionLayer(at) {
  const { hidden_size: width, intermediate_size: inner } = VISION;
  for (const part of ['q', 'k', 'v', 'o']) yield [`${at}self_attn.${part}_proj.weight`, [width, width]];
  yield [`${at}mlp.fc1.weight`, [inner, width]];
  yield [`${at}mlp.fc1.bias`, [inner]];
  yield [`${at}mlp.fc2.weight`, [width, inner]];
  yield [`${at}mlp.fc2.bias`, [width]];
  for (const norm of ['input_layernorm', 'post_attention_layernorm']) {
    yield [`${at}${norm}.weight`, [width]];
    yield [`${at}${norm}.bias`, [width]];
  }
}
