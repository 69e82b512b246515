#!/usr/bin/env node
// Everything of a release that can be done on one machine, in the order of the release workflow. Prints a table.
//
//   npm run release:check -- [--only <stage,…>] [--skip <stage,…>] [--sanitizers]
//
// Stages: lint, test, sanitizers (only when asked for: it compiles llama.cpp once more), prebuild, gpu-package, pack, smoke.
// The first that fails ends it. What needs other machines is left to .github/workflows/release.yml.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { packGpuPackage } from './release/gpu-stage.mjs';
import { pack } from './release/pack.mjs';
import { run } from './release/run.mjs';
import { smoke } from './release/smoke.mjs';
import { table } from './release/table.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const mega = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Shows what it prints. */
function npmRun(...args) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  run(npm, ['run', ...args], { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  return 'passed';
}

/** Each returns what the table says about it, and leaves paths to the later ones: `tarball`, and `gpu` of that package. */
const STAGES = {
  lint: () => npmRun('lint'),
  test: () => npmRun('test'),
  sanitizers() {
    npmRun('test:asan');
    return npmRun('test:asan:addon');
  },
  prebuild: () => npmRun('prebuildify'),
  'gpu-package'(made) {
    made.gpu = packGpuPackage(made.folder);
    return 'a stand-in for libggml-cuda';
  },
  pack(made) {
    const { tarball, size, unpackedSize } = pack({ into: made.folder });
    made.tarball = tarball;
    return `${mega(size)}, ${mega(unpackedSize)} unpacked`;
  },
  smoke(made) {
    if (made.tarball === undefined) STAGES.pack(made);
    const lines = smoke(made);
    console.log(lines.join('\n'));
    return `${lines.length - 1} installations, one answer`;
  },
};

function chosen({ only, skip, sanitizers }) {
  const known = Object.keys(STAGES);
  const list = (text) => text.split(',').map((name) => name.trim());
  for (const name of [...list(only ?? known[0]), ...list(skip ?? known[0])]) {
    if (!known.includes(name)) throw new Error(`unknown stage "${name}"; known are ${known.join(', ')}`);
  }
  const wanted = only === undefined ? known.filter((name) => name !== 'sanitizers' || sanitizers) : list(only);
  return wanted.filter((name) => skip === undefined || !list(skip).includes(name));
}

function main() {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, skip: { type: 'string' }, sanitizers: { type: 'boolean' } },
  });
  const stages = chosen(values);
  const rows = [['stage', 'time', 'result']];
  const made = { folder: mkdtempSync(path.join(tmpdir(), 'release-')) };
  try {
    for (const name of stages) {
      console.log(`\n==> ${name}`);
      const begin = performance.now();
      const result = STAGES[name](made);
      rows.push([name, `${((performance.now() - begin) / 1000).toFixed(0)} s`, result]);
    }
  } finally {
    rmSync(made.folder, { recursive: true, force: true });
    console.log(`\n${table(rows).join('\n')}`);
  }
}

try {
  main();
} catch (error) {
  console.error(`release-check: ${error.message}`);
  process.exitCode = 1;
}
