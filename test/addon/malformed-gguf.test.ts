import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../lib/errors.js';
import { ROOT, temporaryFolder, tinyImages, tinyModel } from '../support/model.js';

const CHILD = fileURLToPath(new URL('../support/malformed-gguf-child.mjs', import.meta.url));
/** More for a longer run, e.g. MALFORMED_GGUFS=5000. */
const CASES = Number(process.env.MALFORMED_GGUFS ?? 208);
const SEED = Number(process.env.SEED ?? 1);
const TIME_LIMIT = 60_000 + 500 * CASES;

interface Case {
  name: string;
  inspected: string;
  result: string;
  ms: number;
}

const isTyped = (outcome: string) => outcome !== 'ERR_INTERNAL' && (ERROR_CODES as readonly string[]).includes(outcome);

describe('malformed model files', () => {
  test(
    'each is a typed error or an answer, and one process outlives them all',
    async () => {
      const scratch = join(temporaryFolder(), 'malformed.gguf');
      const args = [CHILD, await tinyModel(), tinyImages()[0] as string, scratch];
      const run = spawnSync(process.execPath, [...args, String(SEED), String(CASES)], {
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
        last: { finished: true },
      });
      expect(last.before).toMatch(/^ran ./);
      expect(last.after).toBe(last.before);

      const cases = lines.filter((line) => line.result !== undefined) as Case[];
      expect(cases.length).toBe(CASES);
      const ran = cases.filter(({ result }) => result.startsWith('ran '));
      const refused = cases.filter(({ result }) => isTyped(result));
      expect(cases.filter((one) => !ran.includes(one) && !refused.includes(one))).toEqual([]);
      expect(cases.filter(({ inspected }) => inspected !== 'inspected' && !isTyped(inspected))).toEqual([]);
      expect(cases.filter(({ ms }) => ms > 5000)).toEqual([]);
      expect(refused.length).toBeGreaterThan(CASES / 2); // or the mutator damages nothing

      const slowest = Math.max(...cases.map(({ ms }) => ms));
      console.log(
        `${CASES} malformed models (seed ${SEED}): ${refused.length} refused, ${ran.length} ran; slowest ${slowest.toFixed(0)} ms`,
      );
    },
    TIME_LIMIT + 60_000,
  );
});
