import { ModelFormatError, ModelUnsupportedError } from '../errors.js';
import {
  type HyperParameters,
  type TextParameters,
  textHeadSize,
  type VisionParameters,
  visionOutputLength,
  visionPositions,
} from './hyper-parameters.js';
import { excerpt } from './json.js';
import { storedType, type TensorRole } from './mix.js';
import { canonicalTensors } from './names.js';
import type { SourceTensor } from './tensor-source.js';
import type { LayerPlace, MixFacts } from './text-mix.js';
import { pairNeighbours, ropeFactors, separateIntermediates, type Transform } from './transforms.js';
import type { ConversionType, StoredType } from './types.js';

export type SourceType = 'F32' | 'F16' | 'BF16';

/** One tensor of the file: where its elements come from and how they are stored. */
export interface PlannedTensor {
  name: string;
  /** ggml order, fastest dimension first. */
  ne: number[];
  type: StoredType;
  /** A tensor of the checkpoint, or ready values. */
  source: { tensor: SourceTensor; sourceType: SourceType; transform: Transform | undefined } | { values: Float32Array };
}

/**
 * Plans the whole file: docs/gguf.md names, shapes verified against the hyper-parameters, types by the mix.
 * Every tensor of the checkpoint must find its place; a missing, foreign or misshapen one is refused by its name.
 *
 * @param mix `weighted`: whether there will be importance weights, which some mixes count on
 */
export function planTensors(
  tensors: ReadonlyMap<string, SourceTensor>,
  hp: HyperParameters,
  mix: { type: ConversionType; weighted: boolean },
): PlannedTensor[] {
  const { blockCount, crossLayers, headCount, headCountKv } = hp.text;
  const groupSize = headCount / headCountKv;
  const facts = { ...mix, selfLayers: blockCount - crossLayers.length, groupSize };
  const plan = new Planner(canonicalTensors(tensors), facts);
  checkCrossLayers(plan, hp.text);
  planText(plan, hp);
  planVision(plan, hp.vision);
  planProjector(plan, hp);
  plan.checkAllUsed();
  return plan.planned;
}

/** Takes tensors out of the checkpoint one by one. */
class Planner {
  readonly planned: PlannedTensor[] = [];
  private readonly unused: Set<string>;

  constructor(
    private readonly sources: ReadonlyMap<string, SourceTensor>,
    private readonly facts: MixFacts,
  ) {
    this.unused = new Set(sources.keys());
  }

  has(from: string): boolean {
    return this.sources.has(from);
  }

  /** Plans `name` from the checkpoint's `from`, which must have `shape` (outermost first). */
  take(
    name: string,
    from: string,
    shape: number[],
    role: TensorRole,
    extra: { transform?: Transform; place?: LayerPlace } = {},
  ): void {
    const tensor = this.sources.get(from);
    if (tensor === undefined) {
      throw new ModelFormatError(`The checkpoint has no tensor ${from}; it must be complete`);
    }
    const isScalar = shape.length === 1 && shape[0] === 1 && tensor.shape.length === 0;
    if (!isScalar && (tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i]))) {
      throw new ModelFormatError(
        `Tensor ${tensor.name} has the shape ${excerpt(tensor.shape)}; by config.json it must be ${excerpt(shape)}`,
      );
    }
    this.unused.delete(from);
    this.planned.push({
      name,
      ne: shape.toReversed(),
      type: storedType(role, this.facts, shape.at(-1) as number, extra.place),
      source: { tensor, sourceType: sourceType(tensor), transform: extra.transform },
    });
  }

  compute(name: string, values: Float32Array): void {
    this.planned.push({ name, ne: [values.length], type: 'F32', source: { values } });
  }

  /** The first dimension of a tensor whose row count the config does not tell. */
  rows(from: string): number {
    return this.sources.get(from)?.shape[0] ?? 0;
  }

  names(): Iterable<string> {
    return this.sources.keys();
  }

  checkAllUsed(): void {
    const [left] = this.unused;
    if (left !== undefined) {
      const name = this.sources.get(left)?.name;
      throw new ModelFormatError(
        `The checkpoint holds ${this.unused.size} tensor(s) that config.json has no place for, first ${name}`,
      );
    }
  }
}

function sourceType({ name, dtype }: SourceTensor): SourceType {
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new ModelUnsupportedError(
      `Tensor ${name} has the type ${dtype}; only F32, F16 and BF16 can be converted: use the unquantized checkpoint`,
    );
  }
  return dtype;
}

/** The layers that have cross attention must be the ones that config.json lists. */
function checkCrossLayers(plan: Planner, text: TextParameters): void {
  const found = [...plan.names()]
    .map((name) => /^language_model\.layers\.(\d+)\.cross_attn\.q_proj\.weight$/.exec(name)?.[1])
    .filter((layer) => layer !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  if (found.join() !== text.crossLayers.join()) {
    throw new ModelFormatError(
      `config.json lists the cross-attention layers [${text.crossLayers}], but the checkpoint has them at [${found}]`,
    );
  }
}

function planText(plan: Planner, { text, imageTokenId }: HyperParameters): void {
  const { embeddingLength: width, vocabSize } = text;
  const rows = plan.rows('language_model.embed_tokens.weight');
  if (plan.has('language_model.embed_tokens.weight') && rows < Math.max(vocabSize, imageTokenId + 1)) {
    throw new ModelFormatError(
      `embed_tokens has ${rows} rows; vocab_size ${vocabSize} and the image token ${imageTokenId} need more`,
    );
  }
  const tied = text.tiedHead && !plan.has('lm_head.weight');
  plan.take('token_embd.weight', 'language_model.embed_tokens.weight', [rows, width], tied ? 'head' : 'embedding');
  if (!tied) {
    plan.take('output.weight', 'lm_head.weight', [vocabSize, width], 'head');
  }
  plan.take('output_norm.weight', 'language_model.norm.weight', [width], 'vector');
  if (text.ropeScaling !== undefined) {
    plan.compute('rope_freqs.weight', ropeFactors(text.ropeBase, textHeadSize(text), text.ropeScaling));
  }
  const count = text.crossLayers.length;
  for (let layer = 0; layer < text.blockCount; layer++) {
    const crossBefore = text.crossLayers.filter((cross) => cross < layer).length;
    if (text.crossLayers.includes(layer)) {
      planCrossLayer(plan, text, layer, { index: crossBefore, count });
    } else {
      planSelfLayer(plan, text, layer, { index: layer - crossBefore, count: text.blockCount - count });
    }
  }
}

function planSelfLayer(plan: Planner, text: TextParameters, layer: number, place: LayerPlace): void {
  const [to, from] = [`blk.${layer}.attn_`, `language_model.layers.${layer}.self_attn.`];
  const { embeddingLength: width, headCountKv } = text;
  const kvWidth = headCountKv * textHeadSize(text);
  const transform = pairNeighbours(textHeadSize(text));
  plan.take(`${to}q.weight`, `${from}q_proj.weight`, [width, width], 'text matrix', { transform });
  plan.take(`${to}k.weight`, `${from}k_proj.weight`, [kvWidth, width], 'text matrix', { transform });
  plan.take(`${to}v.weight`, `${from}v_proj.weight`, [kvWidth, width], 'attention value', { place });
  plan.take(`${to}output.weight`, `${from}o_proj.weight`, [width, width], 'attention output');
  planFeedForward(plan, text, layer, ['text matrix', 'feed-forward down', place]);
}

function planCrossLayer(plan: Planner, text: TextParameters, layer: number, place: LayerPlace): void {
  const [to, from] = [`blk.${layer}.cross_attn_`, `language_model.layers.${layer}.`];
  const { embeddingLength: width, headCountKv } = text;
  const headSize = textHeadSize(text);
  const kvWidth = headCountKv * headSize;
  plan.take(`${to}q_proj.weight`, `${from}cross_attn.q_proj.weight`, [width, width], 'cross matrix');
  plan.take(`${to}k_proj.weight`, `${from}cross_attn.k_proj.weight`, [kvWidth, width], 'cross matrix');
  plan.take(`${to}v_proj.weight`, `${from}cross_attn.v_proj.weight`, [kvWidth, width], 'cross value');
  plan.take(`${to}o_proj.weight`, `${from}cross_attn.o_proj.weight`, [width, width], 'cross output');
  plan.take(`${to}q_norm.weight`, `${from}cross_attn.q_norm.weight`, [headSize], 'vector');
  plan.take(`${to}k_norm.weight`, `${from}cross_attn.k_norm.weight`, [headSize], 'vector');
  plan.take(`${to}attn_gate`, `${from}cross_attn_attn_gate`, [1], 'vector');
  plan.take(`${to}mlp_gate`, `${from}cross_attn_mlp_gate`, [1], 'vector');
  planFeedForward(plan, text, layer, ['cross matrix', 'cross down', place]);
}

type FeedForwardRoles = [matrix: TensorRole, down: TensorRole, place: LayerPlace];

function planFeedForward(plan: Planner, text: TextParameters, layer: number, roles: FeedForwardRoles): void {
  const [to, from] = [`blk.${layer}.`, `language_model.layers.${layer}.`];
  const { embeddingLength: width, feedForwardLength: inner } = text;
  const [matrix, down, place] = roles;
  plan.take(`${to}attn_norm.weight`, `${from}input_layernorm.weight`, [width], 'vector');
  plan.take(`${to}ffn_norm.weight`, `${from}post_attention_layernorm.weight`, [width], 'vector');
  plan.take(`${to}ffn_gate.weight`, `${from}mlp.gate_proj.weight`, [inner, width], matrix);
  plan.take(`${to}ffn_up.weight`, `${from}mlp.up_proj.weight`, [inner, width], matrix);
  plan.take(`${to}ffn_down.weight`, `${from}mlp.down_proj.weight`, [width, inner], down, { place });
}

function planVision(plan: Planner, vision: VisionParameters): void {
  const { embeddingLength: width, patchSize, channels, maxTiles } = vision;
  const positions = visionPositions(vision);
  const ids = vision.aspectRatios.length + 1;
  const take = (name: string, from: string, shape: number[], role: TensorRole) =>
    plan.take(`v.${name}`, `vision_model.${from}`, shape, role);

  take('patch_embd.weight', 'patch_embedding.weight', [width, channels, patchSize, patchSize], 'patch kernel');
  take('class_embd', 'class_embedding', [width], 'vector');
  take('position_embd.weight', 'gated_positional_embedding.embedding', [positions, width], 'vector');
  take('position_embd.gate', 'gated_positional_embedding.gate', [1], 'vector');
  const tileRow = maxTiles * positions * width;
  take('tile_position_embd.weight', 'gated_positional_embedding.tile_embedding.weight', [ids, tileRow], 'table');
  for (const stage of ['pre', 'post']) {
    const from = `${stage}_tile_positional_embedding`;
    take(`${stage}_tile_position_embd.weight`, `${from}.embedding.weight`, [ids, maxTiles * width], 'table');
    take(`${stage}_tile_position_embd.gate`, `${from}.gate`, [1], 'vector');
    take(`${stage}_ln.weight`, `layernorm_${stage}.weight`, [width], 'vector');
    take(`${stage}_ln.bias`, `layernorm_${stage}.bias`, [width], 'vector');
  }
  for (let layer = 0; layer < vision.blockCount; layer++) {
    planVisionLayer(plan, vision, `v.blk.${layer}.`, `vision_model.transformer.layers.${layer}.`);
  }
  for (let layer = 0; layer < vision.globalBlockCount; layer++) {
    const [to, from] = [`v.global.blk.${layer}.`, `vision_model.global_transformer.layers.${layer}.`];
    planVisionLayer(plan, vision, to, from);
    plan.take(`${to}attn_gate`, `${from}gate_attn`, [1], 'vector');
    plan.take(`${to}ffn_gate`, `${from}gate_ffn`, [1], 'vector');
  }
}

function planVisionLayer(plan: Planner, vision: VisionParameters, to: string, from: string): void {
  const { embeddingLength: width, feedForwardLength: inner } = vision;
  for (const [norm, source] of [
    ['attn_norm', 'input_layernorm'],
    ['ffn_norm', 'post_attention_layernorm'],
  ]) {
    plan.take(`${to}${norm}.weight`, `${from}${source}.weight`, [width], 'vector');
    plan.take(`${to}${norm}.bias`, `${from}${source}.bias`, [width], 'vector');
  }
  for (const [name, source] of [
    ['q', 'q'],
    ['k', 'k'],
    ['v', 'v'],
    ['output', 'o'],
  ]) {
    plan.take(`${to}attn_${name}.weight`, `${from}self_attn.${source}_proj.weight`, [width, width], 'vision matrix');
  }
  plan.take(`${to}ffn_up.weight`, `${from}mlp.fc1.weight`, [inner, width], 'vision matrix');
  plan.take(`${to}ffn_up.bias`, `${from}mlp.fc1.bias`, [inner], 'vector');
  plan.take(`${to}ffn_down.weight`, `${from}mlp.fc2.weight`, [width, inner], 'vision down');
  plan.take(`${to}ffn_down.bias`, `${from}mlp.fc2.bias`, [width], 'vector');
}

function planProjector(plan: Planner, { text, vision }: HyperParameters): void {
  const transform = separateIntermediates(vision.embeddingLength, vision.intermediateLayers.length);
  const shape = [text.embeddingLength, visionOutputLength(vision)];
  plan.take('mm.0.weight', 'multi_modal_projector.weight', shape, 'projector', { transform });
  plan.take('mm.0.bias', 'multi_modal_projector.bias', [text.embeddingLength], 'vector');
}
