/** The text model alone, in the hands of stock llama.cpp. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportText } from '../../lib/convert/rewrite.js';
import { Engine } from '../../lib/native/engine.js';
import { loadNative } from '../../lib/native/load.js';
import { readGgufTensors } from '../support/gguf-tensors.js';
import { loadOptions, ROOT, tinyModel } from '../support/model.js';
import { freshPath, golden, writeBlobs } from '../support/ollama-files.js';

const BUILD = join(ROOT, 'build');

beforeAll(() => {
  execFileSync('cmake', ['--build', BUILD, '--target', 'stock-logits', '--config', 'Release'], { stdio: 'pipe' });
}, 300_000);

function stockLogits(file: string, ids: readonly number[]): Float32Array {
  const run = { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'] };
  const bytes = execFileSync(join(BUILD, 'stock-logits'), [file, ...ids.map(String)], run);
  return new Float32Array(new Uint8Array(bytes).buffer);
}

async function ownLogits(path: string, ids: readonly number[]): Promise<Float32Array> {
  const engine = new Engine(loadNative());
  try {
    await engine.load(loadOptions(path));
    const prompt = [{ tokens: Int32Array.from(ids) }];
    return (await engine.evaluate({ prompt, images: [], chunk: 0 })).logits;
  } finally {
    engine.close();
  }
}

/** The largest difference, of the largest magnitude. */
function difference(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  let [distance, scale] = [0, 0];
  for (const [i, value] of expected.entries()) {
    distance = Math.max(distance, Math.abs(value - (actual[i] as number)));
    scale = Math.max(scale, Math.abs(value));
  }
  return distance / scale;
}

/** Every id of the vocabulary, in an order of no meaning. */
const promptFor = (name: string) => {
  const { input_ids } = golden(name).cases.find(({ images }) => images.length === 0) ?? { input_ids: [] };
  return [...input_ids, ...Array.from({ length: 64 }, (_, i) => (i * 37 + 5) % 320)];
};

describe('the exported text model', { timeout: 60_000 }, () => {
  it.each(['a', 'b', 'c', 'd'])('computes in stock llama.cpp what ours does: %s', async (name) => {
    const source = await tinyModel(name, 'F32');
    const output = freshPath(`${name}-text.gguf`);
    await exportText({ source, output });
    const ids = promptFor(name);
    const worst = difference(stockLogits(output, ids), await ownLogits(source, ids));
    console.log(`${name}: stock llama.cpp against ours, ${ids.length} tokens: ${worst.toExponential(2)}`);
    expect(worst).toBeLessThan(2e-4);
  });

  it('computes the same from a file of Ollama', async () => {
    const { path, projectorPath } = writeBlobs('a', { layout: 'pair' });
    const output = freshPath('ollama-text.gguf');
    await exportText({ source: path, projector: projectorPath, output });
    const ids = promptFor('a');
    expect(difference(stockLogits(output, ids), await ownLogits(await tinyModel('a', 'F32'), ids))).toBeLessThan(2e-4);
  });

  it('keeps bytes: quantized rows are cut, not made again', async () => {
    const source = await tinyModel('d', 'Q4_K_M');
    const output = freshPath('d-text.gguf');
    await exportText({ source, output });
    const [before, after] = [await readGgufTensors(source), await readGgufTensors(output)];
    expect(after.info.metadata).toMatchObject({ 'general.architecture': 'llama', 'llama.block_count': 1 });
    expect(after.info.arrayLengths['tokenizer.ggml.tokens']).toBe(328);
    const cut = await after.bytes('token_embd.weight');
    expect(after.info.tensors.find(({ name }) => name === 'token_embd.weight')?.ne).toEqual([256, 328]);
    expect(cut.equals((await before.bytes('token_embd.weight')).subarray(0, cut.length))).toBe(true);
    expect((await after.bytes('blk.0.attn_v.weight')).equals(await before.bytes('blk.0.attn_v.weight'))).toBe(true);
    expect(after.info.tensors.some(({ name }) => /cross|^v\.|^mm\./.test(name))).toBe(false);
    expect(stockLogits(output, [1, 2, 3]).every(Number.isFinite)).toBe(true);
  });

  it('has the layers behind a cross layer moved up', async () => {
    const source = await tinyModel('a', 'F32'); // layers 1 and 4 of 6 are cross layers
    const output = freshPath('a-layers.gguf');
    await exportText({ source, output });
    const [before, after] = [await readGgufTensors(source), await readGgufTensors(output)];
    for (const [from, to] of [
      [0, 0],
      [2, 1],
      [3, 2],
      [5, 3],
    ]) {
      const [moved, original] = [
        await after.bytes(`blk.${to}.ffn_up.weight`),
        await before.bytes(`blk.${from}.ffn_up.weight`),
      ];
      expect(moved.equals(original)).toBe(true);
    }
    expect(after.info.tensors.filter(({ name }) => /^blk\.4\./.test(name))).toEqual([]);
  });
});
