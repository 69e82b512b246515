import { mkdtemp, rm, stat, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { writeTinyCheckpoint } from '../support/tiny-checkpoint.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convert-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('all types', async () => {
  await writeTinyCheckpoint(join(folder, 'hf'), { dtype: 'BF16' });
  for (const type of ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_K_M'] as const) {
    const output = join(folder, `${type}.gguf`);
    const r = await convertCheckpoint({ source: join(folder, 'hf'), output, type });
    console.log(r, (await stat(output)).size);
  }
  expect(await readdir(folder)).toHaveLength(6);
});
