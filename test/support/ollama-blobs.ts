/**
 * What Ollama would have made of a checkpoint, in every variant that its versions wrote. Written from the description of
 * the layouts alone: it shares no code with the converter or the engine.
 */

import { type GgufTensor, type GgufValue, ggufBytes } from './plain-gguf.js';
import { type PlainCheckpoint, type PlainTensor, readCheckpoint } from './plain-safetensors.js';

export interface BlobVariant {
  /** "pair": text model and projector in two files, as up to 0.6. "single": one file, as from 0.7. */
  layout: 'pair' | 'single';
  type?: 'F32' | 'F16';
  /** Rows of each head of cross-attention queries and keys. Default: paired, as Ollama's converters wrote them. */
  crossHeads?: 'paired' | 'halves';
  /** The gate of the tile positions is missing in some files of others. */
  tileGate?: boolean;
  /** As 0.7.0 left the gates of the global layers. Default: tanh. */
  globalGates?: 'tanh' | 'raw';
  /** Keys of the preprocessor, which Ollama's files do without. */
  preprocessor?: boolean;
  /** One more tensor, of one zero. */
  extraTensor?: string;
  /** Default: that of the checkpoint's tokenizer. null: none. */
  pre?: string | null;
}

export interface Blobs {
  model: Buffer;
  projector: Buffer | undefined;
}

export function makeBlobs(checkpoint: string, variant: BlobVariant): Blobs {
  const blobs = new BlobMaker(readCheckpoint(checkpoint), variant);
  const text = { metadata: blobs.textMetadata(), tensors: blobs.textTensors() };
  const vision = { metadata: blobs.visionMetadata(), tensors: blobs.visionTensors() };
  if (variant.layout === 'pair') {
    const width = blobs.number('text_config', 'hidden_size');
    const about = {
      'general.architecture': { text: 'mllama' },
      'general.type': { text: 'projector' },
      'mllama.vision.projection_dim': { u32: width },
    };
    const projector = ggufBytes({ ...about, ...vision.metadata }, vision.tensors);
    return { model: ggufBytes(text.metadata, text.tensors), projector };
  }
  const tensors = new Map([...text.tensors, ...vision.tensors]);
  return { model: ggufBytes({ ...text.metadata, ...vision.metadata }, tensors), projector: undefined };
}

const DEFAULTS: Record<string, number> = {
  ...{ rms_norm_eps: 1e-5, norm_eps: 1e-5, rope_theta: 500000, max_num_tiles: 4, num_channels: 3, patch_size: 14 },
};

class BlobMaker {
  readonly #checkpoint: PlainCheckpoint;
  readonly #variant: BlobVariant;

  constructor(checkpoint: PlainCheckpoint, variant: BlobVariant) {
    this.#checkpoint = checkpoint;
    this.#variant = variant;
  }

  /** A number of the configuration, under the first of its names that is there. */
  number(section: 'text_config' | 'vision_config', ...keys: string[]): number {
    const values = this.#checkpoint.config[section];
    const key = keys.find((name) => typeof values[name] === 'number') ?? (keys[0] as string);
    const value = values[key] ?? DEFAULTS[key];
    if (typeof value !== 'number') throw new Error(`the checkpoint says no ${section}.${key}`);
    return value;
  }

  #rope(): Record<string, unknown> {
    const { rope_scaling, rope_parameters } = this.#checkpoint.config.text_config;
    return (rope_parameters ?? rope_scaling ?? {}) as Record<string, unknown>;
  }

  // --- text ----------------------------------------------------------------------------------------------------------

  textMetadata(): Record<string, GgufValue> {
    const number = (...keys: string[]) => this.number('text_config', ...keys);
    const heads = number('num_attention_heads');
    const theta = this.#rope().rope_theta ?? this.#checkpoint.config.text_config.rope_theta ?? 500000;
    return {
      'general.architecture': { text: 'mllama' },
      'general.type': { text: 'model' },
      'general.name': { text: 'Tiny Vision' },
      'general.size_label': { text: '1M' },
      'general.file_type': { u32: this.#variant.type === 'F16' ? 1 : 0 },
      'general.quantization_version': { u32: 2 },
      'mllama.block_count': { u32: number('num_hidden_layers') },
      'mllama.context_length': { u32: number('max_position_embeddings') },
      'mllama.embedding_length': { u32: number('hidden_size') },
      'mllama.feed_forward_length': { u32: number('intermediate_size') },
      'mllama.attention.head_count': { u32: heads },
      'mllama.attention.head_count_kv': { u32: number('num_key_value_heads') },
      'mllama.attention.layer_norm_rms_epsilon': { f32: number('rms_norm_eps') },
      'mllama.rope.freq_base': { f32: Number(theta) },
      'mllama.rope.dimension_count': { u32: number('hidden_size') / heads },
      'mllama.vocab_size': { u32: number('vocab_size') },
      'mllama.attention.cross_attention_layers': { i32s: this.#crossLayers() },
      ...this.#tokenizerMetadata(),
    };
  }

  #crossLayers(): number[] {
    return this.#checkpoint.config.text_config.cross_attention_layers as number[];
  }

  #tokenizerMetadata(): Record<string, GgufValue> {
    const { model, added_tokens } = this.#checkpoint.tokenizer;
    const tokens: string[] = [];
    const types: number[] = [];
    for (const [content, id] of Object.entries(model.vocab)) [tokens[id], types[id]] = [content, 1];
    for (const { id, content, special } of added_tokens) [tokens[id], types[id]] = [content, special ? 3 : 4];
    const { pre = model.ignore_merges ? 'llama-bpe' : 'smaug-bpe' } = this.#variant;
    return {
      'tokenizer.ggml.model': { text: 'gpt2' },
      ...(pre !== null && { 'tokenizer.ggml.pre': { text: pre } }),
      'tokenizer.ggml.tokens': { texts: tokens },
      'tokenizer.ggml.token_type': { i32s: types },
      'tokenizer.ggml.merges': {
        texts: model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))),
      },
      'tokenizer.ggml.bos_token_id': { u32: tokens.indexOf('<|begin_of_text|>') },
      'tokenizer.ggml.eos_token_id': { u32: tokens.indexOf('<|eot_id|>') },
      'tokenizer.ggml.padding_token_id': { u32: tokens.indexOf('<|finetune_right_pad_id|>') },
    };
  }

  textTensors(): Map<string, GgufTensor> {
    const made = new Map<string, GgufTensor>();
    const body = 'language_model.model.';
    const put = (name: string, from: string, change?: (tensor: PlainTensor) => PlainTensor) => {
      const tensor = this.#checkpoint.tensors.get(from);
      if (tensor === undefined) throw new Error(`the checkpoint has no ${from}`);
      made.set(name, this.#stored(change ? change(tensor) : tensor));
    };
    put('token_embd.weight', `${body}embed_tokens.weight`);
    if (this.#checkpoint.tensors.has('language_model.lm_head.weight')) {
      put('output.weight', 'language_model.lm_head.weight');
    }
    put('output_norm.weight', `${body}norm.weight`);
    const { extraTensor } = this.#variant;
    if (extraTensor !== undefined) made.set(extraTensor, { ne: [1], type: 'F32', values: new Float32Array(1) });
    const factors = this.#ropeFactors();
    if (factors) made.set('rope_freqs.weight', { ne: [factors.length], type: 'F32', values: factors });

    const heads = this.number('text_config', 'num_attention_heads');
    const kvHeads = this.number('text_config', 'num_key_value_heads');
    for (let il = 0; il < this.number('text_config', 'num_hidden_layers'); il++) {
      const [to, from] = [`blk.${il}.`, `${body}layers.${il}.`];
      const isCross = this.#crossLayers().includes(il);
      const paired = !isCross || this.#variant.crossHeads !== 'halves';
      const names = isCross ? CROSS_ATTENTION : SELF_ATTENTION;
      for (const [name, source] of Object.entries({ ...names, ...TEXT_LAYER })) {
        const count = /q_proj/.test(source) ? heads : /k_proj/.test(source) ? kvHeads : 0;
        put(`${to}${name}`, `${from}${source}`, count > 0 && paired ? (t) => pairRows(t, count) : undefined);
      }
    }
    return made;
  }

  #ropeFactors(): Float32Array | undefined {
    const rope = this.#rope();
    if (rope.rope_type !== 'llama3') return undefined;
    const [factor, low, high, original] = [
      ...['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'],
    ].map((key) => Number(rope[key])) as [number, number, number, number];
    const theta = Number(rope.rope_theta ?? this.#checkpoint.config.text_config.rope_theta ?? 500000);
    const size = this.number('text_config', 'hidden_size') / this.number('text_config', 'num_attention_heads');
    return Float32Array.from({ length: size / 2 }, (_, i) => {
      const wave = 2 * Math.PI * theta ** ((2 * i) / size);
      if (wave < original / high) return 1;
      if (wave > original / low) return factor;
      const smooth = (original / wave - low) / (high - low);
      return 1 / ((1 - smooth) / factor + smooth);
    });
  }

  // --- vision --------------------------------------------------------------------------------------------------------

  visionMetadata(): Record<string, GgufValue> {
    const number = (...keys: string[]) => this.number('vision_config', ...keys);
    const indices = this.#checkpoint.config.vision_config.intermediate_layers_indices as number[];
    return {
      'mllama.vision.attention.head_count': { u32: number('attention_heads', 'num_attention_heads') },
      'mllama.vision.attention.layer_norm_epsilon': { f32: number('norm_eps') },
      'mllama.vision.block_count': { u32: number('num_hidden_layers') },
      'mllama.vision.global.block_count': { u32: number('num_global_layers') },
      'mllama.vision.embedding_length': { u32: number('hidden_size') },
      'mllama.vision.feed_forward_length': { u32: number('intermediate_size') },
      'mllama.vision.image_size': { u32: number('image_size') },
      'mllama.vision.patch_size': { u32: number('patch_size') },
      'mllama.vision.num_channels': { u32: number('num_channels') },
      'mllama.vision.max_num_tiles': { u32: number('max_num_tiles') },
      'mllama.vision.intermediate_layers_indices': { i32s: indices },
      ...(this.#variant.preprocessor && {
        'mllama.vision.image_mean': { f32s: this.#checkpoint.preprocessor.image_mean },
        'mllama.vision.image_std': { f32s: this.#checkpoint.preprocessor.image_std },
      }),
    };
  }

  visionTensors(): Map<string, GgufTensor> {
    const made = new Map<string, GgufTensor>();
    const isPair = this.#variant.layout === 'pair';
    const get = (name: string) => {
      const tensor = this.#checkpoint.tensors.get(name);
      if (tensor === undefined) throw new Error(`the checkpoint has no ${name}`);
      return tensor;
    };
    const put = (name: string, tensor: PlainTensor) => made.set(name, this.#stored(tensor, name));
    put('mm.0.weight', get('multi_modal_projector.weight'));
    put('mm.0.bias', get('multi_modal_projector.bias'));
    for (const [name, from] of Object.entries(VISION)) put(name, get(`vision_model.${from}`));
    for (const side of ['pre', 'post']) {
      put(
        `v.${side}_tile_position_embd.gate`,
        changed(get(`vision_model.${side}_tile_positional_embedding.gate`), tanh),
      );
    }
    const position = get('vision_model.gated_positional_embedding.gate');
    put(
      'v.position_embd.gate',
      changed(position, (x) => 1 - tanh(x)),
    );
    if (this.#variant.tileGate !== false) put('v.tile_position_embd.gate', changed(position, tanh));

    const heads = this.number('vision_config', 'attention_heads', 'num_attention_heads');
    const layer = isPair ? PAIR_VISION_LAYER : SINGLE_VISION_LAYER;
    const gate = this.#variant.globalGates === 'raw' ? (x: number) => x : tanh;
    for (const [prefix, tower] of [
      ['v.blk.', 'transformer'],
      ['v.global.blk.', 'global_transformer'],
    ]) {
      for (let il = 0; this.#checkpoint.tensors.has(`vision_model.${tower}.layers.${il}.mlp.fc1.weight`); il++) {
        const from = `vision_model.${tower}.layers.${il}.`;
        for (const [name, source] of Object.entries(layer)) {
          // one head after the other, as the text model's; without a rotation the order means nothing
          const paired = !isPair && /[qk]_proj/.test(source);
          put(`${prefix}${il}.${name}`, paired ? pairRows(get(from + source), heads) : get(from + source));
        }
        if (tower === 'transformer') continue;
        put(`${prefix}${il}.attn_gate`, changed(get(`${from}gate_attn`), gate));
        put(`${prefix}${il}.ffn_gate`, changed(get(`${from}gate_ffn`), gate));
      }
    }
    return made;
  }

  /** Vectors are F32, and so are the position tables, but for that of the pair's patches. */
  #stored({ shape, values }: PlainTensor, name = ''): GgufTensor {
    const isTable = /_tile_position_embd|v\.tile_position_embd/.test(name);
    const isSinglePosition = name === 'v.position_embd.weight' && this.#variant.layout === 'single';
    const isF16 = this.#variant.type === 'F16' && shape.length > 1 && !isTable && !isSinglePosition;
    return { ne: [...shape].reverse(), type: isF16 ? 'F16' : 'F32', values };
  }
}

/** Of every head of d rows, row b·d/2 + j becomes row 2j + b. */
function pairRows({ shape, values }: PlainTensor, heads: number): PlainTensor {
  const [rows, width] = shape as [number, number];
  const half = rows / heads / 2;
  const result = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let b = 0; b < 2; b++) {
      for (let j = 0; j < half; j++) {
        const [from, to] = [head * 2 * half + b * half + j, head * 2 * half + 2 * j + b];
        result.set(values.subarray(from * width, (from + 1) * width), to * width);
      }
    }
  }
  return { shape, values: result };
}

const { tanh } = Math;
const changed = ({ shape, values }: PlainTensor, change: (value: number) => number): PlainTensor => ({
  shape,
  values: values.map(change),
});

const TEXT_LAYER = {
  'attn_norm.weight': 'input_layernorm.weight',
  'ffn_norm.weight': 'post_attention_layernorm.weight',
  'ffn_gate.weight': 'mlp.gate_proj.weight',
  'ffn_up.weight': 'mlp.up_proj.weight',
  'ffn_down.weight': 'mlp.down_proj.weight',
};
const SELF_ATTENTION = {
  'attn_q.weight': 'self_attn.q_proj.weight',
  'attn_k.weight': 'self_attn.k_proj.weight',
  'attn_v.weight': 'self_attn.v_proj.weight',
  'attn_output.weight': 'self_attn.o_proj.weight',
};
const CROSS_ATTENTION = {
  'cross_attn_q_proj.weight': 'cross_attn.q_proj.weight',
  'cross_attn_k_proj.weight': 'cross_attn.k_proj.weight',
  'cross_attn_v_proj.weight': 'cross_attn.v_proj.weight',
  'cross_attn_o_proj.weight': 'cross_attn.o_proj.weight',
  'cross_attn_q_norm.weight': 'cross_attn.q_norm.weight',
  'cross_attn_k_norm.weight': 'cross_attn.k_norm.weight',
  cross_attn_attn_gate: 'cross_attn_attn_gate',
  cross_attn_mlp_gate: 'cross_attn_mlp_gate',
};

const VISION = {
  'v.class_embd': 'class_embedding',
  'v.patch_embd.weight': 'patch_embedding.weight',
  'v.position_embd.weight': 'gated_positional_embedding.embedding',
  'v.tile_position_embd.weight': 'gated_positional_embedding.tile_embedding.weight',
  'v.pre_tile_position_embd.weight': 'pre_tile_positional_embedding.embedding.weight',
  'v.post_tile_position_embd.weight': 'post_tile_positional_embedding.embedding.weight',
  'v.pre_ln.weight': 'layernorm_pre.weight',
  'v.pre_ln.bias': 'layernorm_pre.bias',
  'v.post_ln.weight': 'layernorm_post.weight',
  'v.post_ln.bias': 'layernorm_post.bias',
};
const VISION_ATTENTION = {
  'attn_q.weight': 'self_attn.q_proj.weight',
  'attn_k.weight': 'self_attn.k_proj.weight',
  'attn_v.weight': 'self_attn.v_proj.weight',
};
const SINGLE_VISION_LAYER = {
  ...VISION_ATTENTION,
  'attn_output.weight': 'self_attn.o_proj.weight',
  'attn_norm.weight': 'input_layernorm.weight',
  'attn_norm.bias': 'input_layernorm.bias',
  'ffn_norm.weight': 'post_attention_layernorm.weight',
  'ffn_norm.bias': 'post_attention_layernorm.bias',
  'ffn_up.weight': 'mlp.fc1.weight',
  'ffn_up.bias': 'mlp.fc1.bias',
  'ffn_down.weight': 'mlp.fc2.weight',
  'ffn_down.bias': 'mlp.fc2.bias',
};
const PAIR_VISION_LAYER = {
  ...VISION_ATTENTION,
  'attn_out.weight': 'self_attn.o_proj.weight',
  'ln1.weight': 'input_layernorm.weight',
  'ln1.bias': 'input_layernorm.bias',
  'ln2.weight': 'post_attention_layernorm.weight',
  'ln2.bias': 'post_attention_layernorm.bias',
  // the names are the wrong way round in those files
  'ffn_down.weight': 'mlp.fc1.weight',
  'ffn_down.bias': 'mlp.fc1.bias',
  'ffn_up.weight': 'mlp.fc2.weight',
  'ffn_up.bias': 'mlp.fc2.bias',
};
