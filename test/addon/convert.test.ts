import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConversionOptions, convertCheckpoint } from '../../lib/convert/convert.js';
import { CONVERSION_TYPES, type ConversionType } from '../../lib/convert/types.js';
import { readGgufTensors, toFloats } from '../support/gguf-tensors.js';
import {
  type Dtype,
  inMemory,
  TINY,
  tinyConfig,
  tinyFiles,
  tinyTensors,
  writeTinyCheckpoint,
} from '../support/tiny-checkpoint.js';

let folder: string;
let source: string;
let output: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bllossom-convert-'));
  source = join(folder, 'checkpoint');
  output = join(folder, 'model.gguf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (options: Partial<ConversionOptions> = {}) =>
  convertCheckpoint({ source, output, type: 'F32', ...options });

/** Names of the checkpoint without a transformation, and theirs in the file. */
const PLAIN = {
  'language_model.model.embed_tokens.weight': 'token_embd.weight',
  'language_model.lm_head.weight': 'output.weight',
  'language_model.model.norm.weight': 'output_norm.weight',
  'language_model.model.layers.0.self_attn.v_proj.weight': 'blk.0.attn_v.weight',
  'language_model.model.layers.2.self_attn.o_proj.weight': 'blk.2.attn_output.weight',
  'language_model.model.layers.0.mlp.down_proj.weight': 'blk.0.ffn_down.weight',
  'language_model.model.layers.1.cross_attn.q_proj.weight': 'blk.1.cross_attn_q_proj.weight',
  'language_model.model.layers.3.cross_attn.k_norm.weight': 'blk.3.cross_attn_k_norm.weight',
  'language_model.model.layers.3.cross_attn_mlp_gate': 'blk.3.cross_attn_mlp_gate',
  'vision_model.class_embedding': 'v.class_embd',
  'vision_model.patch_embedding.weight': 'v.patch_embd.weight',
  'vision_model.gated_positional_embedding.embedding': 'v.position_embd.weight',
  'vision_model.gated_positional_embedding.tile_embedding.weight': 'v.tile_position_embd.weight',
  'vision_model.post_tile_positional_embedding.gate': 'v.post_tile_position_embd.gate',
  'vision_model.transformer.layers.2.mlp.fc1.weight': 'v.blk.2.ffn_up.weight',
  'vision_model.global_transformer.layers.1.mlp.fc2.bias': 'v.global.blk.1.ffn_down.bias',
  'vision_model.global_transformer.layers.1.gate_ffn': 'v.global.blk.1.ffn_gate',
  'multi_modal_projector.bias': 'mm.0.bias',
};

describe('a converted file', () => {
  test.each<Dtype>(['F32', 'F16', 'BF16'])('holds the very values of an %s checkpoint', async (dtype) => {
    await writeTinyCheckpoint(source, { dtype });
    await run();
    const tensors = tinyTensors();
    const file = await readGgufTensors(output);
    for (const [from, to] of Object.entries(PLAIN)) {
      const original = tensors.get(from);
      expect(toFloats(await file.bytes(to)), to).toEqual(original?.values);
      expect(file.info.tensors.find(({ name }) => name === to)?.ne, to).toEqual(original?.shape.toReversed());
    }
    expect(file.info.tensors).toHaveLength(tensors.size + 1); // and rope_freqs
  });

  test('has self-attention rows paired for neighbours, cross-attention rows as they were', async () => {
    await writeTinyCheckpoint(source);
    await run();
    const file = await readGgufTensors(output);
    const head = TINY.width / TINY.heads;
    for (const part of ['q', 'k']) {
      const original = tinyTensors().get(`language_model.model.layers.2.self_attn.${part}_proj.weight`)
        ?.values as Float32Array;
      const stored = toFloats(await file.bytes(`blk.2.attn_${part}.weight`));
      const rows = original.length / TINY.width;
      for (let row = 0; row < rows; row++) {
        const j = row % head;
        const old = row - j + (j % 2) * (head / 2) + Math.floor(j / 2);
        expect(stored.subarray(row * TINY.width, (row + 1) * TINY.width)).toEqual(
          original.subarray(old * TINY.width, (old + 1) * TINY.width),
        );
      }
    }
  });

  test('has the projector columns in blocks', async () => {
    await writeTinyCheckpoint(source, { dtype: 'BF16' });
    await run();
    const { width, intermediate } = TINY.vision;
    const columns = width * (1 + intermediate.length);
    const original = tinyTensors().get('multi_modal_projector.weight')?.values as Float32Array;
    const stored = toFloats(await (await readGgufTensors(output)).bytes('mm.0.weight'));
    const expected = stored.map((_, i) => {
      const column = i % columns;
      const k = Math.floor(column / width) - 1;
      const from = k < 0 ? column : width + (column % width) * intermediate.length + k;
      return original[i - column + from] as number;
    });
    expect(stored).toEqual(expected);
  });

  test('has the metadata that the engine needs', async () => {
    await writeTinyCheckpoint(source);
    await run({ type: 'Q8_0' });
    const { metadata, arrayLengths } = (await readGgufTensors(output)).info;
    expect(metadata).toMatchObject({
      'general.architecture': 'mllama',
      'general.name': 'checkpoint',
      'general.file_type': 7,
      'mllama.schema_version': 1,
      'mllama.vocab_size': TINY.vocab,
      'mllama.attention.head_count_kv': TINY.kvHeads,
      'mllama.attention.cross_attention_layers': TINY.crossLayers,
      'mllama.rope.dimension_count': 16,
      'mllama.rope.scaling.type': 'llama3',
      'mllama.rope.scaling.factor': 8,
      'mllama.image_token_id': TINY.vocab,
      'mllama.vision.supported_aspect_ratios': [1, 1, 1, 2, 1, 3, 1, 4, 2, 1, 2, 2, 3, 1, 4, 1],
      'mllama.vision.vision_output_dim': 96,
      'mllama.vision.feature_order': 'concatenated',
      'mllama.vision.gates': 'raw',
      'tokenizer.ggml.pre': 'llama-bpe',
      'tokenizer.ggml.merges': ['t h', 'th e'],
      'tokenizer.ggml.eos_token_id': 264,
      'tokenizer.ggml.eos_token_ids': [259, 263, 264],
      'tokenizer.ggml.add_bos_token': true,
      'tokenizer.chat_template': '{{ bos_token }}',
    });
    expect(arrayLengths['tokenizer.ggml.tokens']).toBe(TINY.vocab + 1);
  });

  test('is the same from one file or several, old names or new, a folder or another source', async () => {
    await writeTinyCheckpoint(source);
    await run();
    const expected = await readFile(output);
    const renamed = new Map(
      [...tinyTensors()].map(([name, tensor]) => [
        name.startsWith('language_model.lm_head')
          ? 'lm_head.weight'
          : `model.${name.replace('language_model.model.', 'language_model.')}`,
        tensor,
      ]),
    );
    const others = [tinyFiles({ shards: 3 }), tinyFiles({ tensors: renamed })].map(inMemory);
    for (const [i, files] of others.entries()) {
      const path = join(folder, `${i}.gguf`);
      await run({ source: { ...files, location: source }, output: path });
      expect((await readFile(path)).equals(expected)).toBe(true);
    }
  });

  test('does not depend on the number of threads', async () => {
    await writeTinyCheckpoint(source);
    await run({ type: 'Q4_K_M', threads: 1 });
    const one = await readFile(output);
    await run({ type: 'Q4_K_M', threads: 3 });
    expect((await readFile(output)).equals(one)).toBe(true);
  });

  test('has no output tensor when the head is tied, and no RoPE factors without scaling', async () => {
    const tensors = tinyTensors();
    tensors.delete('language_model.lm_head.weight');
    const config = tinyConfig();
    Object.assign(config.text_config, { tie_word_embeddings: true, rope_scaling: { rope_type: 'default' } });
    await writeTinyCheckpoint(source, { tensors, files: { 'config.json': config } });
    await run({ type: 'Q4_K_M' });
    const { tensors: stored, metadata } = (await readGgufTensors(output)).info;
    expect(stored.map(({ name }) => name)).not.toContain('output.weight');
    expect(stored.map(({ name }) => name)).not.toContain('rope_freqs.weight');
    expect(stored.find(({ name }) => name === 'token_embd.weight')?.type).toBe('Q8_0'); // the head's type, for rows of 64
    expect(metadata['mllama.rope.scaling.type']).toBe('none');
  });
});

test('every type is offered, smaller ones make smaller files, and norms stay F32', async () => {
  await writeTinyCheckpoint(source, { dtype: 'BF16' });
  const sizes = new Map<ConversionType, number>();
  for (const type of CONVERSION_TYPES.filter((name) => name !== 'Q2_K_S')) {
    const report = await run({ type });
    const { info } = await readGgufTensors(output);
    expect(Object.values(report.tensors).reduce((sum, n) => sum + n, 0)).toBe(info.tensors.length);
    const exact = info.tensors.filter(({ name }) =>
      /norm|bias|gate$|_ln|class_embd|rope_freqs|v\.position_embd/.test(name),
    );
    expect(new Set(exact.map((tensor) => tensor.type))).toEqual(new Set(['F32']));
    sizes.set(type, (await stat(output)).size);
  }
  const falling = ['F32', 'BF16', 'Q8_0', 'Q5_K_S', 'Q4_K_M', 'Q4_K_S', 'Q3_K_S'] as const; // rows of 64: blocks of 32
  const inOrder = falling.map((type) => sizes.get(type) as number);
  expect(inOrder).toEqual([...inOrder].sort((a, b) => b - a));
  expect(new Set(inOrder).size).toBe(falling.length);
});

test('progress rises to the whole of the checkpoint', async () => {
  await writeTinyCheckpoint(source);
  const seen: number[] = [];
  let total = 0;
  await run({
    onProgress: ({ bytesDone, bytesTotal }) => {
      seen.push(bytesDone);
      total = bytesTotal;
    },
  });
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(seen.at(-1)).toBe(total);
  expect(total).toBe([...tinyTensors().values()].reduce((sum, { values }) => sum + values.byteLength, 0));
});
