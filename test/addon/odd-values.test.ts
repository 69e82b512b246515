import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ROOT, temporaryFolder, tinyImages, tinyModel } from '../support/model.js';

const CHILD = join(ROOT, 'test', 'support', 'odd-values-child.mjs');
const LIMIT_MS = 300_000; // a minute where nothing else runs

interface Sums {
  calls: number;
  values: number;
  subjects: number;
  counts: Record<string, number>;
  slowest: { call: string; ms: number };
  uncovered: string[];
  stale: string[];
  response: string;
}

describe('odd values in every argument and option of everything public', { timeout: LIMIT_MS + 10_000 }, () => {
  it('resolve or fail with a typed error, in time, and the engine answers afterwards', async () => {
    const cwd = join(temporaryFolder(), 'odd-values');
    mkdirSync(cwd);
    const config = join(cwd, 'config.yaml');
    writeFileSync(config, 'generation: { max_tokens: 5 }\n');
    const checkpoint = join(ROOT, 'test', 'fixtures', 'goldens', 'a', 'checkpoint');
    const files = { model: await tinyModel(), image: tinyImages()[0], checkpoint, config };
    const args = [CHILD, pathToFileURL(join(ROOT, 'dist', 'index.js')).href, JSON.stringify(files)];
    const run = spawnSync(process.execPath, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 30, timeout: LIMIT_MS });

    const lines = run.stdout.split('\n').filter(Boolean);
    const ended = { status: run.status, signal: run.signal, stderr: run.stderr.slice(-2000) };
    expect(ended, `ended in ${lines.at(-1)}`).toEqual({ status: 0, signal: null, stderr: '' });
    const reports = lines.filter((line) => !line.startsWith('{"begin"')).map((line) => JSON.parse(line) as unknown);
    const sums = reports.pop() as Sums;
    expect(reports).toEqual([]);
    expect({ uncovered: sums.uncovered, stale: sums.stale }).toEqual({ uncovered: [], stale: [] });
    expect(sums.values).toBeGreaterThanOrEqual(30);
    expect(sums.calls).toBeGreaterThanOrEqual(5000);
    expect(sums.response).not.toBe('');
    const { calls, values, subjects, counts, slowest } = sums;
    console.log(
      `${calls} calls of ${subjects} subjects with ${values} odd values: ${JSON.stringify(counts)}; ` +
        `slowest ${slowest.ms.toFixed(0)} ms: ${slowest.call}`,
    );
  });
});
