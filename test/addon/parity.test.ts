import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, temporaryFolder } from '../support/model.js';

const parity = (...args: string[]) => {
  const run = spawnSync(process.execPath, [join(ROOT, 'scripts', 'parity.mjs'), ...args], { encoding: 'utf8' });
  return { ...run, lastLine: run.stdout.trim().split('\n').pop() ?? '' };
};

interface Row {
  name: string;
  quantity: string;
  maxRel: number;
  tolerance: number;
  ok: boolean;
}

describe('parity with transformers', { timeout: 300_000 }, () => {
  it('holds for every golden', () => {
    const run = parity('--json');
    const { passed, failed, cases } = JSON.parse(run.lastLine) as { passed: number; failed: number; cases: Row[] };
    expect(cases.filter(({ ok }) => !ok)).toEqual([]);
    expect({ failed, status: run.status }).toEqual({ failed: 0, status: 0 });
    expect(passed).toBe(cases.length);
    // What must be among them: nothing may be lost without a test that says so.
    const named = (part: RegExp) => cases.filter(({ name, quantity }) => part.test(`${name} ${quantity}`)).length;
    expect(named(/chunks of 1$/)).toBeGreaterThanOrEqual(30);
    expect(named(/\(meta\) 64 greedy/)).toBeGreaterThanOrEqual(4);
    expect(named(/vision features/)).toBeGreaterThanOrEqual(16);
    expect(named(/in Q8_0.* cosine of the logits/)).toBe(4);
  });

  it('fails where there are no goldens', () => {
    const run = parity('--from', temporaryFolder());
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/no golden folder/);
  });

  it('fails on goldens of another format', () => {
    const folder = join(temporaryFolder(), 'other-format');
    mkdirSync(folder);
    writeFileSync(join(folder, 'goldens.json'), '{"format": 99}');
    const run = parity('--from', folder);
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/format 99/);
  });
});
