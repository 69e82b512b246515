import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../lib/convert/checkpoint.js';
import { openCheckpointFolder } from '../../lib/convert/checkpoint-folder.js';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { canonicalName } from '../../lib/convert/names.js';
import type { ConversionType } from '../../lib/convert/types.js';
import { inspectGguf } from '../../lib/inspect.js';
import { readGgufTensors } from '../support/gguf-tensors.js';

/** Checkpoints that transformers itself saved: sharded and single, old names and new, old configs and new. */
const goldens = fileURLToPath(new URL('../fixtures/goldens', import.meta.url));

describe.each(['a', 'b', 'c', 'd'])('the checkpoint of golden %s', (golden) => {
  const source = join(goldens, golden, 'checkpoint');
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bllossom-goldens-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_K_M', 'Q2_K'] as const)(
    'becomes a %s file with every parameter',
    async (type) => {
      const output = join(folder, `${type}.gguf`);
      await convertCheckpoint({ source, output, type });
      const report = await inspectGguf(output);
      const checkpoint = await openCheckpoint(await openCheckpointFolder(source));
      const sources = [...checkpoint.tensors.tensors.values()];
      await checkpoint.close();
      const count = sources.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
      expect(report.parameters).toBe(count);
    },
  );

  test('keeps the bytes of its embedding and of its cross attention', async () => {
    const output = join(folder, 'exact.gguf');
    const checkpoint = await openCheckpoint(await openCheckpointFolder(source));
    const { tensors } = checkpoint;
    const sources = [...tensors.tensors.values()];
    // The text matrices of a file in the checkpoint's own type are its very bytes.
    await convertCheckpoint({ source, output, type: sources[0]?.dtype as ConversionType });
    const file = await readGgufTensors(output);
    let compared = 0;
    for (const tensor of sources) {
      const name = canonicalName(tensor.name)
        ?.replace('language_model.embed_tokens', 'token_embd')
        .replace(/language_model\.layers\.(\d+)\.cross_attn\.(._proj)/, 'blk.$1.cross_attn_$2');
      if (name !== undefined && /^(token_embd|blk\.\d+\.cross_attn_._proj)\.weight$/.test(name)) {
        const original = Buffer.from(await tensors.read(tensor.name, 0, tensor.bytes));
        expect((await file.bytes(name)).equals(original), name).toBe(true);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(4);
    await checkpoint.close();
  });
});
