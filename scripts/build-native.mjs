#!/usr/bin/env node
// Builds the addon (and with --tests the C++ tests) with cmake-js.
//
//   node scripts/build-native.mjs [--debug | --asan] [--tests] [--addon] [--cuda] [-D<NAME>=<value> ...]
//
// Release lies in build/, Debug in build-debug/, the sanitizer tree in build-asan/. The sanitizer tree holds only the
// C++ tests unless --addon is given: an instrumented addon needs the sanitizer's runtime preloaded into Node.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { explainMissing, missingCompilers } from './compilers.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const variants = {
  release: { out: 'build', config: 'Release' },
  debug: { out: 'build-debug', config: 'Debug' },
  asan: { out: 'build-asan', config: 'RelWithDebInfo' },
};

function parse(args) {
  const options = {
    variant: 'release',
    tests: false,
    addon: false,
    cuda: process.env.BLLOSSOM_CUDA === '1',
    defines: [],
  };
  for (const arg of args) {
    if (arg === '--debug' || arg === '--asan') options.variant = arg.slice(2);
    else if (arg === '--tests' || arg === '--addon' || arg === '--cuda') options[arg.slice(2)] = true;
    else if (/^-D\w+=/.test(arg)) options.defines.push(arg.slice(2));
    else throw new Error(`unknown option ${arg}; known: --debug --asan --tests --addon --cuda -DNAME=VALUE`);
  }
  return options;
}

const onOff = (value) => (value ? 'ON' : 'OFF');

function definitions({ variant, tests, addon, cuda, defines }) {
  const asan = variant === 'asan';
  return [
    `BLLOSSOM_TESTS=${onOff(tests || asan)}`,
    `BLLOSSOM_ADDON=${onOff(addon || !asan)}`,
    `BLLOSSOM_SANITIZE=${onOff(asan)}`,
    `GGML_CUDA=${onOff(cuda)}`,
    'GGML_NATIVE=ON',
    ...defines,
  ];
}

function cmakeJs(command, { out, config }, extra) {
  const program = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const args = [
    program,
    command,
    '--directory',
    root,
    '--out',
    path.join(root, out),
    '--config',
    config,
    '--log-level',
    'warn',
    ...extra,
  ];
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) throw new Error(`cmake-js ${command} failed (exit code ${status}); the lines above say why`);
}

/** node-gyp-build prefers build/Release to build/Debug: the addon built last is the one that stays. */
function placeDebugAddon() {
  const from = path.join(root, 'build-debug', 'Debug', 'bllossom.node');
  const into = path.join(root, 'build', 'Debug');
  mkdirSync(into, { recursive: true });
  copyFileSync(from, path.join(into, 'bllossom.node'));
  rmSync(path.join(root, 'build', 'Release', 'bllossom.node'), { force: true });
  console.log('build: build/Debug/bllossom.node is what loads now; `npm run build` goes back to Release');
}

function main() {
  const options = parse(process.argv.slice(2));
  if (!existsSync(path.join(root, 'vendor', 'llama.cpp', '.pin'))) {
    throw new Error('vendor/llama.cpp is missing: run `npm run vendor` first');
  }
  const missing = missingCompilers();
  if (missing.length > 0) throw new Error(explainMissing(missing));
  const variant = variants[options.variant];
  // Configuring is quick and makes a changed option count. `cmake-js compile` would not, and it wipes the whole tree
  // after any compile error.
  cmakeJs(
    'configure',
    variant,
    definitions(options).map((definition) => `--CD${definition}`),
  );
  cmakeJs('build', variant, ['--parallel', String(os.availableParallelism())]);
  if (options.variant === 'debug') placeDebugAddon();
}

try {
  main();
} catch (error) {
  console.error(`build: ${error.message}`);
  process.exitCode = 1;
}
