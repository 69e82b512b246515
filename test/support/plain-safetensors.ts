/** Reads a Hugging Face checkpoint into numbers; shares nothing with the converter, so that it can stand against it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PlainTensor {
  /** Outermost dimension first. */
  shape: number[];
  values: Float32Array;
}

type Json = Record<string, unknown>;

export interface PlainCheckpoint {
  config: Json & { text_config: Json; vision_config: Json };
  tokenizer: {
    model: { vocab: Record<string, number>; merges: (string | [string, string])[]; ignore_merges?: boolean };
    added_tokens: { id: number; content: string; special: boolean }[];
  };
  preprocessor: { image_mean: number[]; image_std: number[] };
  chatTemplate: string | undefined;
  /** Under the names of released checkpoints. */
  tensors: Map<string, PlainTensor>;
}

export function readCheckpoint(folder: string): PlainCheckpoint {
  const files = readdirSync(folder);
  const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const tensors = new Map<string, PlainTensor>();
  for (const file of files.filter((name) => name.endsWith('.safetensors'))) {
    readSafetensors(join(folder, file), tensors);
  }
  const chatTemplate = files.includes('chat_template.json')
    ? json('chat_template.json').chat_template
    : files.includes('chat_template.jinja')
      ? readFileSync(join(folder, 'chat_template.jinja'), 'utf8')
      : undefined;
  const [config, tokenizer, preprocessor] = ['config', 'tokenizer', 'preprocessor_config'].map((f) =>
    json(`${f}.json`),
  );
  return { config, tokenizer, preprocessor, chatTemplate, tensors };
}

function readSafetensors(path: string, tensors: Map<string, PlainTensor>): void {
  const bytes = readFileSync(path);
  const begin = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, begin)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [from, to] = entry.data_offsets;
    const values = toFloats(bytes.subarray(begin + from, begin + to), entry.dtype);
    tensors.set(oldName(name), { shape: entry.shape, values });
  }
}

/** Newer versions of transformers have another prefix. */
function oldName(name: string): string {
  if (name === 'lm_head.weight') return 'language_model.lm_head.weight';
  return name.startsWith('model.')
    ? name.slice('model.'.length).replace(/^language_model\./, 'language_model.model.')
    : name;
}

function toFloats(bytes: Buffer, dtype: string): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = dtype === 'F32' ? 4 : 2;
  const values = new Float32Array(bytes.byteLength / size);
  const bits = new DataView(new ArrayBuffer(4));
  for (let i = 0; i < values.length; i++) {
    if (dtype === 'F32') values[i] = view.getFloat32(4 * i, true);
    else if (dtype === 'F16') values[i] = fromHalf(view.getUint16(2 * i, true));
    else {
      bits.setUint32(0, view.getUint16(2 * i, true) << 16);
      values[i] = bits.getFloat32(0);
    }
  }
  return values;
}

function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
