#!/usr/bin/env node
// How fast the prebuilt addon is against the one that was built for this machine alone: both in one process, a turn each,
// so that what else the machine does hits both. Prints the time of the prebuilt one as a share of the other's speed.
//
//   npm run build && npm run prebuildify
//   node scripts/random-checkpoint.mjs /tmp/model.gguf --preset aica-5b
//   node scripts/prebuild/speed.mjs /tmp/model.gguf [--rounds 15] [--threads 2]
//
// With --threads 1 the time of the processor is measured too, which other processes do not change much.
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openModel } from '../parity/model.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const require = createRequire(import.meta.url);
const PROMPT = 128;
const DECODED = 24;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '15' }, threads: { type: 'string', default: '2' } },
});
const place = `${process.platform}-${process.arch}`;
const addons = {
  native: path.join(root, 'build', 'Release', 'bllossom.node'),
  prebuilt: path.join(root, 'prebuilds', place, 'bllossom.node'),
};

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Seconds on the clock and of the processor, per token. */
async function time(tokens, work) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { wall: (performance.now() - start) / 1e3 / tokens, cpu: (user + system) / 1e6 / tokens };
}

/** One turn. Each prompt is new, so that no cache holds its beginning. */
async function turn(model, round) {
  const ids = Array.from({ length: PROMPT }, (_, i) => 32 + ((round * 977 + i * 31) % 90));
  return {
    prefill: await time(PROMPT, () => model.greedy(ids, [], 1)),
    decode: await time(DECODED, () => model.greedy(ids.slice(0, 1), [], DECODED)),
  };
}

const options = { rowMode: 'hf', kvType: 'f16', threads: Number(values.threads) };
const names = Object.keys(addons);
const models = {};
for (const name of names)
  models[name] = await openModel(positionals[0], { ...options, binding: require(addons[name]) });
const turns = { native: [], prebuilt: [] };
for (let round = 0; round <= Number(values.rounds); round++) {
  const order = round % 2 === 0 ? names : names.toReversed();
  for (const name of order) turns[name].push(await turn(models[name], round));
}
for (const name of names) models[name].close();

for (const phase of ['prefill', 'decode']) {
  for (const clock of ['wall', 'cpu']) {
    const seconds = (name) => turns[name].slice(1).map((one) => one[phase][clock]); // the first one warms up
    const [native, prebuilt] = names.map(seconds);
    const ratios = native.map((value, i) => value / prebuilt[i]).toSorted((a, b) => a - b);
    console.log(
      `${phase} ${clock}: native ${(1 / median(native)).toFixed(2)}, prebuilt ${(1 / median(prebuilt)).toFixed(2)} tokens/s; ` +
        `prebuilt / native ${median(ratios).toFixed(3)} (${ratios[0].toFixed(3)} … ${ratios.at(-1).toFixed(3)}, ${ratios.length} pairs)`,
    );
  }
}
