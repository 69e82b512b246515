#!/usr/bin/env node
// Builds the addon (and with --tests the C++ tests) with cmake-js.
//
//   node scripts/build-native.mjs [--debug | --asan | --portable [--arch x64 | arm64]] [--tests] [--addon]
//                                 [--cuda] [--vulkan] [--metal] [-D<NAME>=<value> ...]
//
// Release lies in build/, Debug in build-debug/, the sanitizer tree in build-asan/. The sanitizer tree holds only the
// C++ tests unless --addon is given: an instrumented addon needs the sanitizer's runtime preloaded into Node.
//
// A build for this machine has its CPU backend built in. --portable builds what is published, in
// build-portable/<platform>-<arch>/: a backend for every level of the CPU, each a library of its own. So does a build
// for a GPU, since an addon that links to a driver loads only where that driver is.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkTools, cudaArchitectures, findNvcc } from './build-tools.mjs';
import { explainMissing, missingCompilers } from './compilers.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const variants = {
  release: { out: 'build', config: 'Release' },
  debug: { out: 'build-debug', config: 'Debug' },
  asan: { out: 'build-asan', config: 'RelWithDebInfo' },
  portable: { out: 'build-portable', config: 'Release' },
};
const gpus = ['cuda', 'vulkan', 'metal'];
const known = '--debug --asan --portable --arch x64|arm64 --tests --addon --cuda --vulkan --metal -DNAME=VALUE';

function parse(args) {
  const options = {
    variant: 'release',
    arch: process.arch,
    tests: false,
    addon: false,
    gpus: process.env.BLLOSSOM_CUDA === '1' ? ['cuda'] : [],
    defines: [],
  };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const name = arg.slice(2);
    if (['--debug', '--asan', '--portable'].includes(arg)) options.variant = name;
    else if (arg === '--tests' || arg === '--addon') options[name] = true;
    else if (arg === '--arch' && ['x64', 'arm64'].includes(rest[0])) options.arch = rest.shift();
    else if (arg.startsWith('--') && gpus.includes(name)) options.gpus.push(name);
    else if (/^-D\w+=/.test(arg)) options.defines.push(name);
    else throw new Error(`unknown option ${arg}; known: ${known}`);
  }
  if (options.arch !== process.arch && options.variant !== 'portable') {
    throw new Error(`--arch ${options.arch} is another machine's, and goes with --portable only`);
  }
  return options;
}

const onOff = (value) => (value ? 'ON' : 'OFF');

/** CMake's file for compiling for another machine; none for this one. */
function toolchain({ arch }) {
  if (arch === process.arch) return [];
  const file = path.join(root, 'scripts', 'toolchains', `${process.platform}-${arch}.cmake`);
  if (!existsSync(file))
    throw new Error(`there is no toolchain to compile for ${arch} on ${process.platform}: ${file}`);
  return [`CMAKE_TOOLCHAIN_FILE=${file}`];
}

function definitions(options) {
  const { variant, tests, addon, defines } = options;
  const asan = variant === 'asan';
  const dynamic = variant === 'portable' || options.gpus.length > 0;
  const forGpu = gpus.map((gpu) => `GGML_${gpu.toUpperCase()}=${onOff(options.gpus.includes(gpu))}`);
  if (options.gpus.includes('cuda')) {
    // before those of the caller, which win
    forGpu.push(`CMAKE_CUDA_COMPILER=${findNvcc()}`, `CMAKE_CUDA_ARCHITECTURES=${cudaArchitectures()}`);
  }
  return [
    `BLLOSSOM_TESTS=${onOff(tests || asan)}`,
    `BLLOSSOM_ADDON=${onOff(addon || !asan)}`,
    `BLLOSSOM_SANITIZE=${onOff(asan)}`,
    `GGML_BACKEND_DL=${onOff(dynamic)}`,
    `GGML_NATIVE=${onOff(!dynamic)}`,
    ...forGpu,
    ...toolchain(options),
    ...defines,
  ];
}

/** Folder and configuration of the tree. */
function treeOf({ variant, arch }) {
  const { out, config } = variants[variant];
  return { out: variant === 'portable' ? path.join(out, `${process.platform}-${arch}`) : out, config };
}

/** The addon loads every backend that lies beside it: none may be left from a build with other options. */
function removeBackends({ out, config }) {
  const folder = path.join(root, out, config);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (/^(lib)?ggml-.*\.(so|dll)$/.test(name)) rmSync(path.join(folder, name));
  }
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
  checkTools(options);
  const tree = treeOf(options);
  // Configuring is quick and makes a changed option count. `cmake-js compile` would not, and it wipes the whole tree
  // after any compile error.
  cmakeJs(
    'configure',
    tree,
    definitions(options).map((definition) => `--CD${definition}`),
  );
  removeBackends(tree);
  cmakeJs('build', tree, ['--parallel', String(os.availableParallelism())]);
  if (options.variant === 'debug') placeDebugAddon();
}

try {
  main();
} catch (error) {
  console.error(`build: ${error.message}`);
  process.exitCode = 1;
}
