import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { randomCheckpoint } from '../../scripts/random-checkpoint/checkpoint.mjs';
import { PRESETS } from '../../scripts/random-checkpoint/presets.mjs';
import { writeFolder } from '../../scripts/random-checkpoint/write-folder.mjs';
import { folderFiles, HubServer } from '../support/hub-server.js';
import { type KilledPull, pullWithKills } from '../support/kill-pulls.js';
import { ROOT } from '../support/model.js';

// BLLOSSOM_KILLS=300 npx vitest run --project addon test/addon/pull-kill.test.ts
const KILLS = Number(process.env.BLLOSSOM_KILLS ?? 8);
const SEED = Number(process.env.BLLOSSOM_SEED ?? 1);

const LIBRARY = pathToFileURL(join(ROOT, 'dist', '/')).href;

let folder: string;
let checkpoint: HubServer;
let copy: HubServer;
let expected: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bllossom-kill-'));
  const source = join(folder, 'model');
  await writeFolder(randomCheckpoint(PRESETS.tiny, 1), source);
  const output = join(folder, 'x.gguf');
  await convertCheckpoint({ source, output, type: 'Q8_0' });
  const model = readFileSync(output);
  expected = createHash('sha256').update(model).digest('hex');
  checkpoint = await HubServer.start(folderFiles(source));
  copy = await HubServer.start({ 'model.Q8_0.gguf': model });
});
afterAll(async () => {
  await checkpoint.close();
  await copy.close();
  rmSync(folder, { recursive: true });
});

/** mulberry32 */
function seeded(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test(`${KILLS} kills at random moments: every pull goes on, and only the right file gets the final name`, async () => {
  const random = seeded(SEED);
  const pulls: KilledPull[] = [];
  const total = () => pulls.reduce((sum, { kills }) => sum + kills, 0);
  while (total() < KILLS) {
    const [hub, file] = pulls.length % 3 < 2 ? [checkpoint] : [copy, 'model.Q8_0.gguf'];
    const most = Math.min(KILLS - total(), 12);
    pulls.push(await pullWithKills(hub as HubServer, { library: LIBRARY, type: 'Q8_0', file, expected, random, most }));
  }
  const worst = Math.max(...pulls.map(({ again }) => again));
  const late = pulls.reduce((sum, pull) => sum + pull.late, 0);
  console.log(
    `${total()} kills in ${pulls.length} pulls, ${late} after the end; at most ${(100 * worst).toFixed(1)} % again a kill`,
  );
  expect(worst).toBeLessThan(0.1);
}, 1_200_000);
