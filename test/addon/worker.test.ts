import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, tinyModel } from '../support/model.js';

const ROUNDS = 20;

describe('worker threads', { timeout: 60_000 }, () => {
  it(`may be terminated at any moment (${ROUNDS} rounds of 2), and the next one still works`, async () => {
    const child = join(ROOT, 'test', 'support', 'worker-child.mjs');
    const run = spawnSync(process.execPath, [child, await tinyModel(), String(ROUNDS)], { encoding: 'utf8' });
    expect({ status: run.status, signal: run.signal, stderr: run.stderr }).toEqual({
      status: 0,
      signal: null,
      stderr: '',
    });
    expect(run.stdout).toBe('last worker: 0\n');
  });
});
