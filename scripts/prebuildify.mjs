#!/usr/bin/env node
// Makes prebuilds/<platform>-<arch>/, what is published for a platform: the addon, its libraries and a CPU backend for
// every level of the CPU, stripped; then checks them (scripts/prebuild/check.mjs).
//
//   npm run prebuildify [-- --arch x64|arm64] [--metal] [-D<NAME>=<value> ...]
//
// prebuildify strips, names and places. It expects node-gyp, which cannot build this project: `stage.mjs` stands in.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { checkPrebuild } from './prebuild/check.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const prebuildify = promisify(createRequire(import.meta.url)('prebuildify'));

const script = (name) => path.join(root, 'scripts', name);

/** The strip of the compiler that made the files. */
const stripOf = (arch) => (arch === 'arm64' && process.arch !== 'arm64' ? 'aarch64-linux-gnu-strip' : 'strip');

async function main() {
  const args = process.argv.slice(2);
  const at = args.indexOf('--arch');
  const arch = at < 0 ? process.arch : args[at + 1];
  const place = `${process.platform}-${arch}`;

  execFileSync(process.execPath, [script('build-native.mjs'), '--portable', ...args], { stdio: 'inherit' });
  const prebuild = path.join(root, 'prebuilds', place);
  const stage = path.join(root, 'build-portable', place, 'stage');
  rmSync(prebuild, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  await prebuildify({
    name: 'bllossom',
    napi: true,
    arch,
    platform: process.platform,
    cwd: stage,
    out: root,
    strip: true,
    stripBin: stripOf(arch),
    nodeGyp: `"${process.execPath}" "${script('prebuild/stage.mjs')}"`,
    shell: true,
  });
  for (const line of checkPrebuild(prebuild, root)) console.log(`prebuildify: ${line}`);
}

main().catch((error) => {
  console.error(`prebuildify: ${error.message}`);
  process.exitCode = 1;
});
