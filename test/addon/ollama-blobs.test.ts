/** Files as Ollama wrote them, in every variant, run in place and compared with transformers. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkFile, measureCosine, type OllamaFiles } from '../../scripts/parity/checks.mjs';
import { readGoldenFolder } from '../../scripts/parity/golden-folder.mjs';
import { ROOT, temporaryFolder } from '../support/model.js';
import { type BlobVariant, makeBlobs } from '../support/ollama-blobs.js';

const golden = (name: string) => readGoldenFolder(join(ROOT, 'test', 'fixtures', 'goldens', name));

let count = 0;

/** Writes the files of a variant. */
function write(name: string, variant: BlobVariant): { path: string; files: OllamaFiles } {
  const { model, projector } = makeBlobs(golden(name).checkpoint, variant);
  const base = join(temporaryFolder(), `blob-${name}-${count++}`);
  writeFileSync(`${base}.gguf`, model);
  if (projector !== undefined) writeFileSync(`${base}.projector.gguf`, projector);
  return {
    path: `${base}.gguf`,
    files: projector === undefined ? {} : { projectorPath: `${base}.projector.gguf` },
  };
}

async function failures(name: string, variant: BlobVariant, hints: OllamaFiles = {}) {
  const { path, files } = write(name, variant);
  const failed = [];
  let passed = 0;
  for await (const row of checkFile(golden(name), path, { ...files, ...hints })) {
    if (row.ok) passed++;
    else failed.push(row);
  }
  expect(passed + failed.length).toBeGreaterThan(20);
  return failed;
}

describe('a file of Ollama in F32 has parity with transformers', { timeout: 120_000 }, () => {
  const variants: [title: string, golden: string, variant: BlobVariant, hints?: OllamaFiles][] = [
    ['two files, names of the MLP swapped', 'a', { layout: 'pair' }],
    ['two files, the head tied', 'b', { layout: 'pair', preprocessor: true }],
    ['two files without the gate of the tiles', 'a', { layout: 'pair', tileGate: false }],
    [
      'two files, cross heads as in the checkpoint',
      'd',
      { layout: 'pair', crossHeads: 'halves' },
      { ollamaHeads: 'halves' },
    ],
    ['one file', 'a', { layout: 'single' }],
    ['one file without RoPE scaling', 'c', { layout: 'single' }],
    ['one file with raw gates of a BF16 checkpoint', 'd', { layout: 'single', globalGates: 'raw' }],
    [
      'one file with raw gates of an F32 checkpoint',
      'b',
      { layout: 'single', globalGates: 'raw', preprocessor: true },
      { ollamaGates: 'raw' },
    ],
    [
      'one file, cross heads as in the checkpoint',
      'a',
      { layout: 'single', crossHeads: 'halves' },
      { ollamaHeads: 'halves' },
    ],
  ];
  it.each(variants)('%s', async (_, name, variant, hints) => {
    expect(await failures(name, variant, hints)).toEqual([]);
  });
});
