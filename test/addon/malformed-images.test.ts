import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileLibrary } from '../support/compiled.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CHILD = fileURLToPath(new URL('../support/malformed-images-child.mjs', import.meta.url));
const FORMATS = 6;
/** More for a longer run, e.g. MALFORMED_IMAGES=10000. */
const CASES_PER_FORMAT = Number(process.env.MALFORMED_IMAGES ?? 200);
const SEED = Number(process.env.SEED ?? 1);

interface Case {
  name: string;
  result: string;
  ms: number;
  rss: number;
}

let library: ReturnType<typeof compileLibrary>;
beforeAll(() => {
  library = compileLibrary();
});
afterAll(() => library?.remove());

describe('malformed images', () => {
  test(
    'each is a typed error or a sound result: no crash, no hang, no memory lost',
    () => {
      const args = [CHILD, library.url, String(SEED), String(CASES_PER_FORMAT)];
      const run = spawnSync(process.execPath, args, {
        cwd: ROOT,
        encoding: 'utf8',
        maxBuffer: 1 << 30,
        timeout: 100 * CASES_PER_FORMAT * FORMATS,
      });
      const lines = run.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      const last = lines.at(-1);
      expect({ signal: run.signal, status: run.status, last }, run.stderr.slice(-2000)).toEqual({
        signal: null,
        status: 0,
        last: { finished: true },
      });

      const cases = lines.filter((line) => line.result !== undefined) as Case[];
      expect(cases.length).toBe(FORMATS * CASES_PER_FORMAT);
      expect(
        cases.filter(({ result }) => !['decoded', 'ERR_IMAGE_DECODE', 'ERR_IMAGE_LIMIT'].includes(result)),
      ).toEqual([]);
      expect(cases.filter(({ ms }) => ms > 2000)).toEqual([]);

      const warm = cases[Math.floor(cases.length / 10)] as Case;
      const growth = Math.max(...cases.map(({ rss }) => rss)) - warm.rss;
      expect(growth).toBeLessThanOrEqual(300 * 2 ** 20);

      const count = (wanted: string) => cases.filter(({ result }) => result === wanted).length;
      console.log(
        `${cases.length} malformed images (seed ${SEED}): ${count('ERR_IMAGE_DECODE')} refused as damaged, ${count('ERR_IMAGE_LIMIT')} over the limits, ` +
          `${count('decoded')} decoded; slowest ${Math.max(...cases.map(({ ms }) => ms)).toFixed(0)} ms, RSS +${(growth / 2 ** 20).toFixed(0)} MiB`,
      );
    },
    100 * CASES_PER_FORMAT * FORMATS + 60_000,
  );
});
