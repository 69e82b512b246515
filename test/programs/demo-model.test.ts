import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { TASK_PROMPTS } from '../../lib/vision-tasks.js';
import { bllossom, workFolder } from '../support/cli.js';
import { type Asked, readings } from '../support/demo.js';
import { ROOT } from '../support/model.js';
import { writePdf } from '../support/pdf-writer.js';

const scan = readings.find(({ prompt }) => prompt === TASK_PROMPTS.ko.ocr) as Asked;
const OUT_OF_THE_BOX = { code: 0, stderr: expect.stringMatching(/^bllossom: no model is named[^\n]+\n$/) };

it('reads a picture out of the box', async () => {
  const run = await bllossom(['vision', scan.file, '--task', 'ocr']);
  expect(run).toMatchObject({ ...OUT_OF_THE_BOX, stdout: `${scan.answer}\n` });
});

it('reads the page of a scanned PDF out of the box', async () => {
  const { data, info } = await sharp(scan.file).jpeg({ quality: 95 }).toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const file = join(workFolder('scanned'), 'scan.pdf');
  const picture = { data, width, height, filter: 'DCTDecode' };
  writeFileSync(file, writePdf([{ size: [width, height], picture }]));
  const run = await bllossom(['document', file, '--task', 'extract', '--dpi', '72']);
  expect(run).toMatchObject(OUT_OF_THE_BOX);
  expect(run.stdout).toContain(scan.answer);
});

it('is shown with its pictures by npm run demo', () => {
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'demo.mjs')], { encoding: 'utf8' });
  expect(status).toBe(0);
  expect(stdout).toContain('> 합계는 얼마인가요?\n40,070입니다.\n');
  for (const picture of ['receipt', 'shapes', 'table', 'chart']) expect(stdout).toContain(`${picture}.png\n`);
  expect(stdout).toMatch(/npx bllossom pull aica-5b\n/);
});
