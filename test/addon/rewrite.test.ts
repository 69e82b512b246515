/** Models of Ollama as files of ours. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rewriteModel } from '../../lib/convert/rewrite.js';
import { loadNative } from '../../lib/native/load.js';
import { measureCosine } from '../../scripts/parity/checks.mjs';
import { readGgufTensors } from '../support/gguf-tensors.js';
import { tinyModel } from '../support/model.js';
import type { BlobVariant } from '../support/ollama-blobs.js';
import { freshPath, golden, writeBlobs } from '../support/ollama-files.js';
import { parityFailures } from '../support/parity-failures.js';

const rewritten = async (name: string, variant: BlobVariant, more: object = {}) => {
  const { path, projectorPath } = writeBlobs(name, variant);
  const output = freshPath(`${name}-rewritten.gguf`);
  await rewriteModel({ source: path, output, ...(projectorPath && { projector: projectorPath }), ...more });
  return output;
};

describe('a rewritten file', { timeout: 60_000 }, () => {
  it.each<[string, BlobVariant]>([
    ['a', { layout: 'pair' }],
    ['c', { layout: 'single' }],
    ['d', { layout: 'single', globalGates: 'raw' }],
  ])('has parity with transformers: %s, %o', async (name, variant) => {
    expect(await parityFailures(name, await rewritten(name, variant))).toEqual([]);
  });

  it('is of our schema, and its text weights are the bytes that they were', async () => {
    const { path, projectorPath } = writeBlobs('a', { layout: 'pair', type: 'F16' });
    const output = freshPath('bytes.gguf');
    await rewriteModel({ source: path, projector: projectorPath, output });
    const [before, after] = [await readGgufTensors(path), await readGgufTensors(output)];
    expect(after.info.metadata).toMatchObject({ 'mllama.schema_version': 1, 'mllama.vision.gates': 'activated' });
    const weights = before.info.tensors.filter(({ name }) => !/cross_attn_[qk]_norm/.test(name));
    for (const { name } of weights) expect((await after.bytes(name)).equals(await before.bytes(name)), name).toBe(true);
    const types = Object.fromEntries(after.info.tensors.map(({ name, type }) => [name, type]));
    expect(types['blk.0.ffn_up.weight']).toBe('F16');
    expect(types['v.blk.0.ffn_up.weight']).toBe('BF16');
    expect(types['mm.0.weight']).toBe('BF16');
    expect(types['v.position_embd.weight']).toBe('F32');
  });

  it('of a file of ours is that file again', async () => {
    const source = await tinyModel('c', 'Q8_0');
    const output = freshPath('again.gguf');
    const report = await rewriteModel({ source, output });
    const [before, after] = [await readGgufTensors(source), await readGgufTensors(output)];
    expect(after.info.metadata).toEqual(before.info.metadata);
    for (const { name, type } of before.info.tensors) {
      expect(after.info.tensors).toContainEqual(expect.objectContaining({ name, type }));
      expect((await after.bytes(name)).equals(await before.bytes(name)), name).toBe(true);
    }
    expect(report.bytes).toBe(before.info.tensors.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  it('can hold the vision tower in Q8_0', async () => {
    const output = await rewritten('c', { layout: 'single', type: 'F16' }, { visionType: 'Q8_0' });
    const { tensors } = await loadNative().readGguf(output);
    const types = Object.fromEntries(tensors.map(({ name, type }) => [name, type]));
    expect(types).toMatchObject({ 'v.blk.0.attn_q.weight': 'Q8_0', 'mm.0.weight': 'Q8_0' });
    expect(types).toMatchObject({ 'v.tile_position_embd.weight': 'BF16', 'v.patch_embd.weight': 'BF16' });
    expect(types['blk.0.attn_q.weight']).toBe('F16');
    const { cosine } = await measureCosine(golden('c'), output);
    console.log(`c F16, vision Q8_0: 1 - cosine ${(1 - cosine).toExponential(2)}`);
    expect(1 - cosine).toBeLessThan(1e-3);
  });
});

describe('rewriting', () => {
  it('reports its progress and can be stopped; nothing stays then', async () => {
    const { path } = writeBlobs('a', { layout: 'single' });
    const output = freshPath('stopped.gguf');
    const seen: number[] = [];
    await rewriteModel({ source: path, output, onProgress: (value) => seen.push(value) });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.length).toBeGreaterThan(10);

    const old = readFileSync(output);
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const stopped = rewriteModel({ source: path, output, signal: controller.signal, onProgress });
    await expect(stopped).rejects.toThrow('enough');
    await expect(
      rewriteModel({
        source: path,
        output,
        onProgress: () => {
          throw new Error('mine');
        },
      }),
    ).rejects.toThrow('mine');
    expect(readFileSync(output).equals(old)).toBe(true);
    expect(existsSync(`${output}.tmp`)).toBe(false);
  });

  it('refuses what cannot be done, with a reason', async () => {
    const { path, projectorPath } = writeBlobs('a', { layout: 'pair' });
    const output = freshPath('never.gguf');
    const rewrite = (options: object) => rewriteModel({ source: path, output, ...options });
    await expect(rewrite({})).rejects.toMatchObject({ code: 'ERR_MODEL_UNSUPPORTED' });
    await expect(rewrite({ projector: join(projectorPath, 'no') })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
    });
    await expect(rewrite({ projector: projectorPath, output: path })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/read from/),
    });
    await expect(rewrite({ projector: projectorPath, visionType: 'Q4_K' })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
    await expect(rewrite({ projector: projectorPath, ollamaGates: 'maybe' })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
    await expect(rewrite({ projector: projectorPath, threads: -1 })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
    await expect(rewrite({ source: 5 })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(existsSync(output)).toBe(false);
  });
});
