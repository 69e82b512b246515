import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ENDLESS, PICTURE, workFolder } from '../support/cli.js';
import { ROOT } from '../support/model.js';

const evaluate = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(ROOT, 'scripts', 'evaluate.mjs'), ...args]);

it("scores any model on a folder of one's own", async () => {
  const folder = workFolder('scans');
  copyFileSync(PICTURE, join(folder, 'house.png'));
  writeFileSync(join(folder, 'house.txt'), '집 House\n나무 Tree\n');
  const file = join(folder, 'scores.json');
  const { stdout } = await evaluate(folder, '--model', ENDLESS, '--json', file);
  const { model, summary, answers } = JSON.parse(readFileSync(file, 'utf8'));
  expect(model).toBe('model.gguf');
  expect(answers).toEqual([
    { file: 'house.png', prompt: 'ocr', answer: '집 House\n나무 Tree\n', given: expect.any(String) },
  ]);
  expect(summary.map(({ group }: { group: string }) => group)).toEqual(['all', 'ocr']);
  expect(summary[0]).toMatchObject({ answers: 1, exact: 0, characterErrors: expect.any(Number) });
  expect(summary[0].characterErrors).toBeGreaterThan(1); // it never stops
  expect(stdout).toContain('| all | 1 | 0.0 % |');
});

it('says what a folder lacks', async () => {
  await expect(evaluate(workFolder('nothing'), '--model', ENDLESS)).rejects.toMatchObject({
    ...{ code: 1, stderr: expect.stringMatching(/^demo:eval: .*neither a truth\.jsonl nor pictures/) },
  });
});
