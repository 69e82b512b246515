import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointFiles } from '../../lib/convert/tensor-source.js';

/** A whole Mllama checkpoint of a few thousand weights, in the layout of Hugging Face. */

export type Dtype = 'F32' | 'F16' | 'BF16';

export interface TinyTensor {
  shape: number[];
  values: Float32Array;
}

export const TINY = {
  vocab: 272,
  width: 64,
  inner: 96,
  heads: 4,
  kvHeads: 2,
  layers: 4,
  crossLayers: [1, 3],
  vision: { width: 32, inner: 64, heads: 2, layers: 3, globalLayers: 2, intermediate: [0, 2], tiles: 4 },
  imageSize: 28,
  patch: 14,
  positions: 5,
  ratios: 8,
};

/** config.json; deep values may be replaced by the test. */
export function tinyConfig() {
  return {
    architectures: ['MllamaForConditionalGeneration'],
    model_type: 'mllama',
    image_token_index: TINY.vocab,
    torch_dtype: 'bfloat16',
    text_config: {
      model_type: 'mllama_text_model',
      vocab_size: TINY.vocab,
      hidden_size: TINY.width,
      intermediate_size: TINY.inner,
      num_attention_heads: TINY.heads,
      num_key_value_heads: TINY.kvHeads,
      num_hidden_layers: TINY.layers,
      cross_attention_layers: TINY.crossLayers,
      rope_theta: 10000,
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 64,
      },
      tie_word_embeddings: false,
    } as Record<string, unknown>,
    vision_config: {
      model_type: 'mllama_vision_model',
      hidden_size: TINY.vision.width,
      intermediate_size: TINY.vision.inner,
      attention_heads: TINY.vision.heads,
      num_hidden_layers: TINY.vision.layers,
      num_global_layers: TINY.vision.globalLayers,
      intermediate_layers_indices: TINY.vision.intermediate,
      vision_output_dim: TINY.vision.width * 3,
      image_size: TINY.imageSize,
      patch_size: TINY.patch,
    } as Record<string, unknown>,
  };
}

/** The shapes of every tensor, by old name. */
export function tinyShapes(): Map<string, number[]> {
  const { width, inner, heads, kvHeads, vocab } = TINY;
  const head = width / heads;
  const kv = kvHeads * head;
  const shapes = new Map<string, number[]>();
  const text = 'language_model.model.';
  shapes.set(`${text}embed_tokens.weight`, [vocab + 8, width]);
  shapes.set(`${text}norm.weight`, [width]);
  shapes.set('language_model.lm_head.weight', [vocab, width]);
  for (let layer = 0; layer < TINY.layers; layer++) {
    const at = `${text}layers.${layer}.`;
    const cross = TINY.crossLayers.includes(layer);
    const attention = cross ? 'cross_attn' : 'self_attn';
    shapes.set(`${at}${attention}.q_proj.weight`, [width, width]);
    shapes.set(`${at}${attention}.k_proj.weight`, [kv, width]);
    shapes.set(`${at}${attention}.v_proj.weight`, [kv, width]);
    shapes.set(`${at}${attention}.o_proj.weight`, [width, width]);
    if (cross) {
      shapes.set(`${at}cross_attn.q_norm.weight`, [head]);
      shapes.set(`${at}cross_attn.k_norm.weight`, [head]);
      shapes.set(`${at}cross_attn_attn_gate`, [1]);
      shapes.set(`${at}cross_attn_mlp_gate`, [1]);
    }
    shapes.set(`${at}input_layernorm.weight`, [width]);
    shapes.set(`${at}post_attention_layernorm.weight`, [width]);
    shapes.set(`${at}mlp.gate_proj.weight`, [inner, width]);
    shapes.set(`${at}mlp.up_proj.weight`, [inner, width]);
    shapes.set(`${at}mlp.down_proj.weight`, [width, inner]);
  }
  addVisionShapes(shapes);
  shapes.set('multi_modal_projector.weight', [width, TINY.vision.width * 3]);
  shapes.set('multi_modal_projector.bias', [width]);
  return shapes;
}

function addVisionShapes(shapes: Map<string, number[]>): void {
  const { width, inner, layers, globalLayers, tiles } = TINY.vision;
  const set = (name: string, shape: number[]) => shapes.set(`vision_model.${name}`, shape);
  set('class_embedding', [width]);
  set('patch_embedding.weight', [width, 3, TINY.patch, TINY.patch]);
  set('gated_positional_embedding.gate', [1]);
  set('gated_positional_embedding.embedding', [TINY.positions, width]);
  set('gated_positional_embedding.tile_embedding.weight', [TINY.ratios + 1, tiles * TINY.positions * width]);
  for (const stage of ['pre', 'post']) {
    set(`${stage}_tile_positional_embedding.gate`, [1]);
    set(`${stage}_tile_positional_embedding.embedding.weight`, [TINY.ratios + 1, tiles * width]);
    set(`layernorm_${stage}.weight`, [width]);
    set(`layernorm_${stage}.bias`, [width]);
  }
  for (const [kind, count] of [
    ['transformer', layers],
    ['global_transformer', globalLayers],
  ] as const) {
    for (let layer = 0; layer < count; layer++) {
      const at = `${kind}.layers.${layer}.`;
      for (const part of ['q', 'k', 'v', 'o']) {
        set(`${at}self_attn.${part}_proj.weight`, [width, width]);
      }
      set(`${at}mlp.fc1.weight`, [inner, width]);
      set(`${at}mlp.fc1.bias`, [inner]);
      set(`${at}mlp.fc2.weight`, [width, inner]);
      set(`${at}mlp.fc2.bias`, [width]);
      for (const norm of ['input_layernorm', 'post_attention_layernorm']) {
        set(`${at}${norm}.weight`, [width]);
        set(`${at}${norm}.bias`, [width]);
      }
      if (kind === 'global_transformer') {
        set(`${at}gate_attn`, [1]);
        set(`${at}gate_ffn`, [1]);
      }
    }
  }
}

/** Every tensor with its own seeded values in [-1, 1), exact in BF16 and F16: multiples of 1/128. */
export function tinyTensors(): Map<string, TinyTensor> {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 24) / 128 - 1;
  };
  return new Map(
    [...tinyShapes()].map(([name, shape]) => {
      const count = shape.reduce((product, n) => product * n, 1);
      return [name, { shape, values: Float32Array.from({ length: count }, next) }];
    }),
  );
}

const PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** 256 bytes, two merges, then special tokens; `<|image|>` is the last. */
export function tinyTokenizer() {
  const vocab: Record<string, number> = {};
  for (let byte = 0; byte < 256; byte++) {
    vocab[byteCharacter(byte)] = byte;
  }
  vocab.th = 256;
  vocab.the = 257;
  const special = ['<|begin_of_text|>', '<|end_of_text|>', '<|finetune_right_pad_id|>', '<|start_header_id|>'];
  special.push('<|end_header_id|>', '<|eom_id|>', '<|eot_id|>', '<|python_tag|>');
  for (let i = special.length; i < TINY.vocab - 258; i++) {
    special.push(`<|reserved_special_token_${i}|>`);
  }
  special.push('<|image|>');
  return {
    version: '1.0',
    normalizer: null as unknown,
    added_tokens: special.map((content, i) => ({ id: 258 + i, content, special: true })),
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: PATTERN }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: {
      type: 'Sequence',
      processors: [
        { type: 'ByteLevel' },
        {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: '<|begin_of_text|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        },
      ],
    },
    model: { type: 'BPE', ignore_merges: true, vocab, merges: ['t h', 'th e'] as unknown[] },
  };
}

/** The printable character that byte-level BPE writes for a byte. */
function byteCharacter(byte: number): string {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  if (printable(byte)) {
    return String.fromCharCode(byte);
  }
  const rank = Array.from({ length: byte }, (_, b) => b).filter((b) => !printable(b)).length;
  return String.fromCharCode(256 + rank);
}

export interface TinyCheckpoint {
  tensors?: Map<string, TinyTensor>;
  dtype?: Dtype;
  /** Files by name that replace the usual ones; an object is written as JSON, undefined leaves the file out. */
  files?: Record<string, unknown>;
  /** Shards; 1 writes a single file. */
  shards?: number;
}

/** The files of a checkpoint by name. */
export function tinyFiles(options: TinyCheckpoint = {}): Map<string, Uint8Array> {
  const { tensors = tinyTensors(), dtype = 'F32', shards = 1 } = options;
  const texts: Record<string, unknown> = {
    'config.json': tinyConfig(),
    'tokenizer.json': tinyTokenizer(),
    'special_tokens_map.json': { bos_token: '<|begin_of_text|>', eos_token: { content: '<|eot_id|>' } },
    'generation_config.json': { eos_token_id: 259 },
    'chat_template.json': { chat_template: '{{ bos_token }}' },
    ...options.files,
  };
  const files = new Map<string, Uint8Array>();
  const names = [...tensors.keys()];
  const shardFile = (shard: number) => `model-0000${shard + 1}-of-0000${shards}.safetensors`;
  for (let shard = 0; shard < shards; shard++) {
    const part = new Map([...tensors].filter((_, i) => i % shards === shard));
    files.set(shards === 1 ? 'model.safetensors' : shardFile(shard), safetensors(part, dtype));
  }
  if (shards > 1) {
    const weightMap = Object.fromEntries(names.map((name, i) => [name, shardFile(i % shards)]));
    files.set('model.safetensors.index.json', Buffer.from(JSON.stringify({ weight_map: weightMap })));
  }
  for (const [name, content] of Object.entries(texts)) {
    if (content === undefined) {
      files.delete(name);
    } else {
      files.set(
        name,
        content instanceof Uint8Array
          ? content
          : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)),
      );
    }
  }
  return files;
}

/** Writes a checkpoint into `folder`. */
export async function writeTinyCheckpoint(folder: string, options: TinyCheckpoint = {}): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of tinyFiles(options)) {
    await writeFile(join(folder, name), content);
  }
}

/** Files in memory behind the interface of a checkpoint; `openFiles` counts those that were not closed. */
export function inMemory(files: Map<string, Uint8Array>): CheckpointFiles & { openFiles: number } {
  const get = (name: string): Uint8Array => {
    const content = files.get(name);
    if (content === undefined) {
      throw new Error(`no file ${name}`);
    }
    return content;
  };
  return {
    location: 'memory/tiny',
    openFiles: 0,
    list: async () => [...files.keys()],
    readText: async (name) => Buffer.from(get(name)).toString('utf8'),
    async open(name) {
      const content = get(name);
      this.openFiles++;
      return {
        size: content.length,
        read: async (offset, length) => new Uint8Array(content.subarray(offset, offset + length)),
        close: async () => {
          this.openFiles--;
        },
      };
    },
  };
}

/** A safetensors file by hand. */
export function safetensors(tensors: Map<string, TinyTensor>, dtype: Dtype): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const data: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    const bytes = encode(values, dtype);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    data.push(bytes);
    offset += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...data]);
}

/** Values to the bytes of a type; exact for the values of `tinyTensors`. */
export function encode(values: Float32Array, dtype: Dtype): Uint8Array {
  if (dtype === 'F32') {
    return new Uint8Array(values.slice().buffer);
  }
  const bits = new Uint32Array(values.slice().buffer);
  const halves = Uint16Array.from(bits, (bit) => (dtype === 'BF16' ? bit >>> 16 : toHalf(bit)));
  return new Uint8Array(halves.buffer);
}

/** F32 bits to F16 bits for normal values whose mantissa fits. */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  return exponent === 0 ? sign : sign | ((exponent - 112) << 10) | ((bits >>> 13) & 0x3ff);
}
