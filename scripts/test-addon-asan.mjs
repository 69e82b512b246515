#!/usr/bin/env node
// Runs tests on an instrumented addon (`npm run build:asan -- --addon`): what Node hands to native code, under
// AddressSanitizer and UBSan.
//
//   node scripts/test-addon-asan.mjs [TEST FILE ...]
//
// The sanitizer's runtime must come first in the process, so it is preloaded, with libstdc++ beside it so that
// exceptions inside the addon are seen. Only the test processes get it. Leaks are the C++ tests' matter: what V8 keeps
// until the end would drown ours. The quarantine of freed memory is kept small: tests watch how a process grows.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const addon = path.join(root, 'build-asan', 'RelWithDebInfo', 'bllossom.node');

/** Where untrusted bytes reach native code. */
const defaultTests = [
  'malformed-images',
  'malformed-gguf',
  'image',
  'gguf-writer',
  'convert',
  'convert-failures',
  'generate',
  'grammar',
  'token-choice',
].map((name) => `test/addon/${name}.test.ts`);

function runtimeLibrary(name) {
  const { stdout, error } = spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' });
  const file = stdout?.trim();
  if (error || !path.isAbsolute(file)) throw new Error(`gcc does not say where ${name} is; is it installed?`);
  return realpathSync(file);
}

/** A folder that looks built to node-gyp-build, which takes it from NODE_BLLOSSOM_PREBUILD. */
function stage() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bllossom-asan-'));
  mkdirSync(path.join(folder, 'build', 'Release'), { recursive: true });
  symlinkSync(addon, path.join(folder, 'build', 'Release', 'bllossom.node'));
  return folder;
}

function environment(folder) {
  return {
    ...process.env,
    LD_PRELOAD: [runtimeLibrary('libasan.so'), runtimeLibrary('libstdc++.so')].join(' '),
    ASAN_OPTIONS: 'detect_leaks=0:quarantine_size_mb=64',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    NODE_BLLOSSOM_PREBUILD: folder,
  };
}

function main(tests) {
  if (!existsSync(addon)) throw new Error(`${addon} is missing: run \`npm run build:asan -- --addon\` first`);
  const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const folder = stage();
  try {
    const args = [vitest, 'run', '--project', 'addon', ...(tests.length > 0 ? tests : defaultTests)];
    const { status, signal, error } = spawnSync(process.execPath, args, {
      cwd: root,
      stdio: 'inherit',
      env: environment(folder),
    });
    if (error) throw error;
    if (status !== 0) throw new Error(`the tests failed (${signal ?? `exit code ${status}`})`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`test:asan:addon: ${error.message}`);
  process.exitCode = 1;
}
