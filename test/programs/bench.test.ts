import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { type Report, reportSection } from '../../bench/result-tables.mjs';
import { ENDLESS, ROOT } from '../support/model.js';

const run = promisify(execFile);

/** Runs the suite on a tiny model. */
function bench(...args: string[]) {
  return run(process.execPath, [join(ROOT, 'bench', 'main.mjs'), '--model', ENDLESS, ...args]);
}

it('measures what it is asked, and writes it down', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'bllossom-bench-')), 'out.json');
  const { stdout } = await bench('decode', 'cache', '--quick', '--rounds', '2', '--threads', '1', '--json', file);
  const report: Report = JSON.parse(readFileSync(file, 'utf8'));

  expect(report.machine).toMatchObject({ gpu: null, cores: expect.any(Number), memoryBytes: expect.any(Number) });
  expect(report.versions).toMatchObject({ 'node-bllossom': expect.any(String), node: process.versions.node });
  expect(report.run).toMatchObject({ device: 'cpu', model: 'model', quick: true, threads: 1, rounds: 2 });
  expect(report.results.map(({ name }) => name)).toEqual([
    'decode, 16 tokens',
    'decode after a picture, tiles: 4',
    'second turn after 1000 tokens, prefilled',
    'second turn after 1000 tokens',
  ]);
  for (const { value, unit, spread, ratios } of report.results) {
    expect(value).toBeGreaterThan(0);
    expect(unit).not.toBe('');
    expect(spread).toBeGreaterThanOrEqual(0);
    expect(Object.values(ratios).every((ratio) => ratio > 0)).toBe(true);
  }
  expect(report.missing).toEqual([{ name: 'limits of the machine', reason: 'not measured in a quick run' }]);
  expect(stdout).toBe(`${reportSection(report)}\n`);
});

it('names the questions and the peers that there are', async () => {
  await expect(bench('speed')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('decode, prefill') });
  await expect(bench('decode', '--peers', 'nobody')).rejects.toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining('llama-bench, llama-batched-bench, node-llama-cpp') },
  });
});

it('says what is wrong with a model', async () => {
  const file = join(ROOT, 'vendor', 'llama.cpp', 'models', 'ggml-vocab-llama-bpe.gguf');
  await expect(bench('decode', '--quick', '--model', file)).rejects.toMatchObject({
    ...{ code: 1, stderr: expect.stringMatching(/^bench: .*is no whole Mllama model/m) },
  });
});
