import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../lib/errors.js';
import { ROOT, temporaryFolder } from '../support/model.js';
import { writeTinyCheckpoint } from '../support/tiny-checkpoint.js';

const CHILD = fileURLToPath(new URL('../support/malformed-checkpoint-child.mjs', import.meta.url));
/** More for a longer run, e.g. MALFORMED_CHECKPOINTS=100000. */
const CASES = Number(process.env.MALFORMED_CHECKPOINTS ?? 10_000);
const SEED = Number(process.env.SEED ?? 1);
const TIME_LIMIT = 60_000 + 10 * CASES;

interface Case {
  name: string;
  outcome: string;
  ms: number;
}

const isTyped = (outcome: string) => (ERROR_CODES as readonly string[]).includes(outcome);
const isAccepted = (outcome: string) =>
  /^(planned|whole, loaded)$/.test(outcome) || (outcome.startsWith('whole, ') && isTyped(outcome.slice(7)));

/** Folders of sound checkpoints with every file that a conversion reads: one file of tensors, and shards with an index. */
async function soundCheckpoints(scratch: string): Promise<string[]> {
  const files = {
    'preprocessor_config.json': { size: { height: 28, width: 28 }, max_image_tiles: 4, image_mean: [0.5, 0.5, 0.5] },
    'tokenizer_config.json': { add_bos_token: true, bos_token: '<|begin_of_text|>' },
  };
  const folders = [1, 2].map((shards) => join(scratch, `sound-${shards}`));
  await Promise.all(folders.map((folder, i) => writeTinyCheckpoint(folder, { files, shards: i + 1, dtype: 'BF16' })));
  return folders;
}

describe('malformed checkpoints', () => {
  test(
    'each is a typed error or a model, and one process outlives them all',
    async () => {
      const scratch = mkdtempSync(join(temporaryFolder(), 'malformed-checkpoint-'));
      mkdirSync(join(scratch, 'work'));
      const args = [CHILD, join(scratch, 'work'), String(SEED), String(CASES), ...(await soundCheckpoints(scratch))];
      const run = spawnSync(process.execPath, args, {
        cwd: ROOT,
        encoding: 'utf8',
        maxBuffer: 1 << 30,
        timeout: TIME_LIMIT,
      });
      const lines = run.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      const last = lines.at(-1);
      expect({ signal: run.signal, status: run.status, last }, run.stderr.slice(-2000)).toMatchObject({
        signal: null,
        status: 0,
        last: { finished: true, sound: ['whole, loaded', 'whole, loaded'] },
      });

      const cases = lines.filter((line) => line.outcome !== undefined) as Case[];
      expect(cases.length).toBe(CASES);
      const refused = cases.filter(({ outcome }) => isTyped(outcome));
      const accepted = cases.filter(({ outcome }) => isAccepted(outcome));
      expect(cases.filter((one) => !refused.includes(one) && !accepted.includes(one))).toEqual([]);
      expect(cases.filter(({ ms }) => ms > 5000)).toEqual([]);
      expect(refused.length).toBeGreaterThan(CASES / 2); // or the mutator damages nothing

      const slowest = Math.max(...cases.map(({ ms }) => ms));
      const whole = accepted.filter(({ outcome }) => outcome.startsWith('whole')).length;
      console.log(
        `${CASES} malformed checkpoints (seed ${SEED}): ${refused.length} refused, ${accepted.length - whole} planned, ` +
          `${whole} converted; slowest ${slowest.toFixed(0)} ms`,
      );
    },
    TIME_LIMIT + 60_000,
  );
});
