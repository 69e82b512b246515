/** Files as Ollama wrote them, in every variant, run in place and compared with transformers. */

import { describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import { ModelManager } from '../../lib/model-manager.js';
import { measureCosine, type OllamaFiles } from '../../scripts/parity/checks.mjs';
import type { BlobVariant } from '../support/ollama-blobs.js';
import { golden, writeBlobs } from '../support/ollama-files.js';
import { parityFailures } from '../support/parity-failures.js';

const ALL = { preprocessor: true };

describe('a file of Ollama in F32 has parity with transformers', { timeout: 120_000 }, () => {
  const variants: [title: string, golden: string, variant: BlobVariant, hints?: OllamaFiles][] = [
    ['two files, names of the MLP swapped', 'a', { layout: 'pair' }],
    ['two files, the head tied', 'b', { layout: 'pair', ...ALL }],
    ['two files without the gate of the tiles', 'a', { layout: 'pair', tileGate: false }],
    ['two files, cross heads unpaired', 'd', { layout: 'pair', crossHeads: 'halves' }, { ollamaHeads: 'halves' }],
    ['one file', 'a', { layout: 'single' }],
    ['one file without RoPE scaling', 'c', { layout: 'single' }],
    ['one file, raw gates from BF16', 'd', { layout: 'single', globalGates: 'raw' }],
    ['one file, raw gates from F16', 'c', { layout: 'single', globalGates: 'raw' }],
    ['one file, raw gates from F32', 'b', { layout: 'single', globalGates: 'raw', ...ALL }, { ollamaGates: 'raw' }],
    ['one file, cross heads unpaired', 'a', { layout: 'single', crossHeads: 'halves' }, { ollamaHeads: 'halves' }],
    ['one file without a pre-tokenizer', 'a', { layout: 'single', pre: null }],
  ];
  it.each(variants)('%s', async (_, name, variant, hints) => {
    const { path, projectorPath } = writeBlobs(name, variant);
    expect(await parityFailures(name, path, { projectorPath, ...hints })).toEqual([]);
  });

  // The corrections are what makes it so: without one of them the numbers are others.
  it.each<[string, BlobVariant, OllamaFiles]>([
    ['gates taken for activated', { layout: 'single', globalGates: 'raw' }, { ollamaGates: 'activated' }],
    ['cross heads taken for paired', { layout: 'single', crossHeads: 'halves' }, { ollamaHeads: 'paired' }],
    ['cross heads taken for unpaired', { layout: 'pair' }, { ollamaHeads: 'halves' }],
  ])('but not with %s', async (_, variant, hints) => {
    const { path, projectorPath } = writeBlobs('a', variant);
    const { cosine } = await measureCosine(golden('a'), path, { files: { projectorPath, ...hints } });
    expect(1 - cosine).toBeGreaterThan(1e-6); // 1e-12 where all is right
  });
});

describe('a file of Ollama in F16', () => {
  // Measured: see the figure in the message of a failure. F16 matrices are multiplied with activations in F16.
  it.each<['a' | 'c' | 'd', BlobVariant]>([
    ['a', { layout: 'pair', type: 'F16' }],
    ['a', { layout: 'single', type: 'F16' }],
    ['c', { layout: 'single', type: 'F16' }],
    ['d', { layout: 'pair', type: 'F16' }],
  ])('is close to transformers: %s, %o', async (name, variant) => {
    const { path, projectorPath } = writeBlobs(name, variant);
    const { cosine } = await measureCosine(golden(name), path, { files: { projectorPath } });
    console.log(`${name} ${variant.layout} F16: 1 - cosine ${(1 - cosine).toExponential(2)}`);
    expect(1 - cosine).toBeLessThan(1e-4);
  });
});

describe('half of a model, or another layout', () => {
  const load = async (path: string, projector: string | null = null) => {
    const config = new Config();
    Object.assign(config.model, { path, projector });
    const manager = new ModelManager(config);
    expect(await manager.loadModel()).toBe(false);
    return manager.lastError;
  };

  it('is refused with what is missing: the projector', async () => {
    const { path } = writeBlobs('a', { layout: 'pair' });
    expect(await load(path)).toMatchObject({
      code: 'ERR_MODEL_UNSUPPORTED',
      message: expect.stringMatching(/text model of a model in two files.*--projector/),
    });
  });

  it('is refused with what is missing: the text model', async () => {
    const { projectorPath } = writeBlobs('a', { layout: 'pair' });
    expect(await load(projectorPath)).toMatchObject({
      code: 'ERR_MODEL_UNSUPPORTED',
      message: expect.stringMatching(/this is the projector/),
    });
  });

  it('is refused when the projector is one too many, or no projector', async () => {
    const pair = writeBlobs('a', { layout: 'pair' });
    const single = writeBlobs('a', { layout: 'single' });
    expect(await load(single.path, pair.projectorPath)).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/its own vision tower/),
    });
    expect(await load(pair.path, single.path)).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/is not the projector/),
    });
  });

  it('is refused when the projector belongs to another model', async () => {
    const [a, c] = [writeBlobs('a', { layout: 'pair' }), writeBlobs('c', { layout: 'pair' })];
    expect(await load(a.path, c.projectorPath)).toMatchObject({
      code: 'ERR_MODEL_FORMAT',
      message: expect.stringMatching(/mm\.0\..*shape/),
    });
  });

  it.each(['v.enc.class_embd', 'v.enc.blk.0.attn_q.weight'])('is refused where it holds %s', async (tensor) => {
    const { path } = writeBlobs('a', { layout: 'single', extraTensor: tensor });
    expect(await load(path)).toMatchObject({
      code: 'ERR_MODEL_UNSUPPORTED',
      message: expect.stringMatching(/never merged.*bllossom convert/),
    });
  });
});
