// Names and shapes of a Mllama checkpoint's tensors, in the order and under the names of the released ones.

const TILES = 4;
/** (rows, cols); the aspect ratio id is the index + 1. */
export const ASPECT_RATIOS = [
  [1, 1],
  [1, 2],
  [1, 3],
  [1, 4],
  [2, 1],
  [2, 2],
  [3, 1],
  [4, 1],
];

/** Rows of the embedding beyond the vocabulary: one for the image token, the others unused. */
const EXTRA_ROWS = 8;

/**
 * @typedef {object} RandomTensor
 * @property {string} name
 * @property {number[]} shape outermost first
 * @property {number} mean
 * @property {number} deviation
 * @property {number[] | undefined} filled of a tile table: elements of each row that are not zero, from its start
 */

/** @returns {RandomTensor[]} */
export function randomTensors({ text, vision }, vocabSize) {
  const tensors = [];
  const add = (name, shape, { mean = 0, deviation = 0.02, filled } = {}) =>
    tensors.push({ name, shape, mean, deviation, filled });
  addVision(add, vision);
  addText(add, text, vocabSize);
  add('multi_modal_projector.bias', [text.width]);
  add('multi_modal_projector.weight', [text.width, vision.width * (1 + vision.intermediates.length)]);
  return tensors;
}

const NORM = { mean: 1, deviation: 0.1 };
/** A gate of zero would switch its branch off. */
const GATE = { deviation: 0.5 };

function addText(add, { width, inner, heads, kvHeads, crossLayers, layers, tied }, vocabSize) {
  const at = 'language_model.model.';
  const headSize = width / heads;
  add(`${at}embed_tokens.weight`, [vocabSize + EXTRA_ROWS, width]);
  for (let layer = 0; layer < layers; layer++) {
    const isCross = crossLayers.includes(layer);
    const block = `${at}layers.${layer}.`;
    const attention = `${block}${isCross ? 'cross' : 'self'}_attn.`;
    for (const [part, rows] of [
      ['q', width],
      ['k', kvHeads * headSize],
      ['v', kvHeads * headSize],
      ['o', width],
    ]) {
      add(`${attention}${part}_proj.weight`, [rows, width]);
    }
    if (isCross) {
      add(`${attention}q_norm.weight`, [headSize], NORM);
      add(`${attention}k_norm.weight`, [headSize], NORM);
      add(`${block}cross_attn_attn_gate`, [1], GATE);
      add(`${block}cross_attn_mlp_gate`, [1], GATE);
    }
    add(`${block}mlp.gate_proj.weight`, [inner, width]);
    add(`${block}mlp.up_proj.weight`, [inner, width]);
    add(`${block}mlp.down_proj.weight`, [width, inner]);
    add(`${block}input_layernorm.weight`, [width], NORM);
    add(`${block}post_attention_layernorm.weight`, [width], NORM);
  }
  add(`${at}norm.weight`, [width], NORM);
  if (!tied) add('language_model.lm_head.weight', [vocabSize, width]);
}

function addVision(add, vision) {
  const { width, layers, globalLayers, imageSize, patchSize } = vision;
  const positions = (imageSize / patchSize) ** 2 + 1;
  const at = 'vision_model.';
  /** The slots of tiles that an aspect ratio does not have are zero, and so is the row of "no image". */
  const table = (tileElements) => ({ filled: [0, ...ASPECT_RATIOS.map(([r, c]) => r * c * tileElements)] });
  const ids = ASPECT_RATIOS.length + 1;
  add(`${at}class_embedding`, [width]);
  add(`${at}patch_embedding.weight`, [width, 3, patchSize, patchSize]);
  add(`${at}gated_positional_embedding.gate`, [1], GATE);
  add(`${at}gated_positional_embedding.embedding`, [positions, width]);
  const tileRow = positions * width;
  add(`${at}gated_positional_embedding.tile_embedding.weight`, [ids, TILES * tileRow], table(tileRow));
  for (const stage of ['pre', 'post']) {
    add(`${at}${stage}_tile_positional_embedding.gate`, [1], GATE);
    add(`${at}${stage}_tile_positional_embedding.embedding.weight`, [ids, TILES * width], table(width));
    add(`${at}layernorm_${stage}.weight`, [width], NORM);
    add(`${at}layernorm_${stage}.bias`, [width]);
  }
  for (let layer = 0; layer < layers; layer++) addVisionLayer(add, vision, `${at}transformer.layers.${layer}.`);
  for (let layer = 0; layer < globalLayers; layer++) {
    const block = `${at}global_transformer.layers.${layer}.`;
    addVisionLayer(add, vision, block);
    add(`${block}gate_attn`, [1], GATE);
    add(`${block}gate_ffn`, [1], GATE);
  }
}

function addVisionLayer(add, { width, inner }, block) {
  for (const part of ['q', 'k', 'v', 'o']) add(`${block}self_attn.${part}_proj.weight`, [width, width]);
  add(`${block}mlp.fc1.weight`, [inner, width]);
  add(`${block}mlp.fc1.bias`, [inner]);
  add(`${block}mlp.fc2.weight`, [width, inner]);
  add(`${block}mlp.fc2.bias`, [width]);
  for (const norm of ['input_layernorm', 'post_attention_layernorm']) {
    add(`${block}${norm}.weight`, [width], NORM);
    add(`${block}${norm}.bias`, [width]);
  }
}
