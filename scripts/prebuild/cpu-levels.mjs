#!/usr/bin/env node
// Shows that prebuilds/linux-x64 picks the right CPU backend on processors of other times, and that all of them answer
// alike: as the build for this machine in build/Release does, on which the tests run.
//
//   npm run build && npm run prebuildify && node scripts/prebuild/cpu-levels.mjs
//
// The processors are emulated (apt-get install qemu-user-static); qemu 7.2 knows no AVX-512. Run by hand before a release.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { difference, smallestCosine } from '../parity/compare.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const run = promisify(execFile);

/** Names of processors in qemu, and the backend that each must get. */
const processors = {
  Conroe: 'x64',
  Nehalem: 'sse42',
  SandyBridge: 'sandybridge',
  IvyBridge: 'ivybridge',
  Opteron_G5: 'piledriver',
  Haswell: 'haswell',
};
const types = ['F32', 'BF16', 'Q8_0', 'Q4_K_M'];
/** Of the largest logit. */
const F32_TOLERANCE = 2e-4;
/** In other types activations are rounded as well, and each kernel adds in an order of its own. */
const LEAST_COSINE = 0.999;
/**
 * What those roundings move a lead, in log-probability: a token that led by less than this (1 %) may give way to the second.
 * What follows it is another text, and is not compared.
 */
const TIE = 0.01;

const node = (args, options) => run(process.execPath, args, { maxBuffer: 1 << 28, ...options });

async function makeModels(folder) {
  const files = types.map((type) => path.join(folder, `${type}.gguf`));
  const script = path.join(root, 'scripts', 'random-checkpoint.mjs');
  for (const [i, type] of types.entries()) await node([script, files[i], '--preset', 'tiny', '--type', type]);
  return files;
}

/** What answer.mjs prints; `emulator` comes before node. */
async function ask(files, emulator, env) {
  const [program, ...args] = [...emulator, process.execPath, path.join(root, 'scripts', 'prebuild', 'answer.mjs')];
  const options = { maxBuffer: 1 << 28, env: { ...process.env, ...env } };
  return JSON.parse((await run(program, [...args, ...files], options)).stdout);
}

/** Problems of an answer, against that of this machine. */
function compare({ answers }, expected) {
  return answers.flatMap(({ model, tokens, logits }, i) => {
    const want = expected.answers[i];
    const exact = model === 'F32.gguf';
    const cosine = smallestCosine(logits, want.logits, logits.length);
    const { maxRel } = difference(logits, want.logits);
    const other = tokens.findIndex((token, at) => token !== want.tokens[at]);
    const lead = other < 0 ? undefined : want.leads[other];
    const words = [
      other < 0 ? `all ${tokens.length} tokens` : `${other} tokens, then one that led by ${lead.toExponential(1)}`,
      `cosine ${cosine.toFixed(7)}`,
      `largest difference ${maxRel.toExponential(1)}`,
    ].join(', ');
    console.log(`    ${model.padEnd(12)} ${words}`);
    const near = exact ? maxRel <= F32_TOLERANCE : cosine >= LEAST_COSINE;
    const same = other < 0 || (!exact && lead < TIE);
    return near && same ? [] : [`${model}: ${words}`];
  });
}

const folder = mkdtempSync(path.join(tmpdir(), 'cpu-levels-'));
try {
  const files = await makeModels(folder);
  const here = await ask(files, [], {});
  const problems = [];
  for (const [processor, backend] of Object.entries(processors)) {
    const there = await ask(files, ['qemu-x86_64-static', '-cpu', processor], { PREBUILDS_ONLY: '1' });
    console.log(`${processor}: ${there.backend}`);
    if (there.backend !== backend) problems.push(`${processor} got ${there.backend}, and should get ${backend}`);
    problems.push(...compare(there, here).map((problem) => `${processor}, ${problem}`));
  }
  for (const problem of problems) console.error(`cpu-levels: ${problem}`);
  const count = Object.keys(processors).length;
  console.log(`${count} processors against ${here.backend}: ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} catch (error) {
  console.error(`cpu-levels: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
