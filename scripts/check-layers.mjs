#!/usr/bin/env node
// Checks who may include or import whom, where neither the compiler nor the linter can (cpp/README.md draws the
// layers). Every rule is an allow-list; a file that reaches past its layer fails the lint.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(process.argv[2] ?? path.join(path.dirname(fileURLToPath(import.meta.url)), '..'));

/** What upstream keeps stable: the headers of its two public include folders that the CPU and CUDA builds need. */
const publicHeaders = new Set([
  ...['ggml.h', 'ggml-alloc.h', 'ggml-backend.h', 'ggml-cpp.h', 'ggml-cpu.h', 'ggml-cuda.h', 'gguf.h'],
  ...['llama.h', 'llama-cpp.h'],
]);
const nodeHeaders = new Set(['napi.h', 'node_api.h', 'js_native_api.h', 'uv.h']);
/** Bookkeeping, testable without a graph. */
const plainEngineFiles = /^(scheduler|sequence|cross-mask|image-input|utf8-hold)\.(h|cpp)$/;

function filesUnder(folder, extension) {
  const start = path.join(root, folder);
  if (!existsSync(start)) return [];
  return readdirSync(start, { recursive: true, encoding: 'utf8' })
    .filter((name) => extension.test(name))
    .map((name) => path.posix.join(folder, name.split(path.sep).join('/')));
}

const headersOf = (folder) => new Set(filesUnder(folder, /\.h$/).map((file) => path.posix.basename(file)));
const engineHeaders = headersOf('cpp/engine');
const bindingHeaders = headersOf('cpp/binding');
const benchHeaders = headersOf('bench/native');

/** Returns why `header` may not be included by `file`, or nothing. A system header is always fine. */
function checkInclude(file, header, isSystem) {
  if (isSystem && !publicHeaders.has(header) && !nodeHeaders.has(header)) return undefined;
  const inBinding = file.startsWith('cpp/binding/');
  if (!inBinding && nodeHeaders.has(header)) return 'the engine knows no N-API; convert values in cpp/binding';
  if (inBinding && publicHeaders.has(header)) return 'the binding talks to the engine, never to ggml or llama.cpp';
  if (publicHeaders.has(header) && plainEngineFiles.test(path.posix.basename(file)))
    return 'this file is bookkeeping and knows no ggml';
  const allowed = inBinding
    ? nodeHeaders.has(header) || bindingHeaders.has(header) || engineHeaders.has(header)
    : publicHeaders.has(header) || engineHeaders.has(header) || (file.startsWith('bench/') && benchHeaders.has(header));
  return allowed
    ? undefined
    : `it is neither one of ours nor a public header of llama.cpp (private headers make every upgrade a port)`;
}

/** The one file of the tests that implements a backend, and so needs the interface that backends implement. */
const backendInterface = { header: 'ggml-backend-impl.h', door: 'test/native/support/simulated-gpu.cpp' };

/** Packages with one door. The linter sees their `import`; a `require` of them only this script sees. */
const doors = new Map([
  ['node-gyp-build', 'lib/native/load.ts'],
  ['sharp', 'lib/image/decode.ts'],
  ['pdfjs-dist', 'lib/document/optional-peer.ts'],
  ['@napi-rs/canvas', 'lib/document/optional-peer.ts'],
]);

/** Returns why `target`, a path inside lib/, may not be imported by `file`, or nothing. */
function checkImport(file, target) {
  const bottom = /^lib\/(check|errors)\.ts$/;
  if (bottom.test(file) && !bottom.test(target)) return 'check.ts and errors.ts are the bottom layer';
  if (file === 'lib/image/tiling.ts' && !bottom.test(target)) return 'tiling is pure geometry';
  if (target.startsWith('lib/cli/') && !file.startsWith('lib/cli/'))
    return 'the library does not know its command line';
  if (target === 'lib/index.ts' && !/^lib\/(cli\/.*|index\.cts)$/.test(file))
    return 'only the command line and the CommonJS entry go through the public index';
  return undefined;
}

const problems = [];
let checked = 0;

for (const file of [...filesUnder('cpp', /\.(h|cpp)$/), ...filesUnder('bench/native', /\.(h|cpp)$/)]) {
  for (const [, open, header] of readFileSync(path.join(root, file), 'utf8').matchAll(
    /^\s*#\s*include\s*(["<])([^">]+)/gm,
  )) {
    checked++;
    const why = checkInclude(file, header, open === '<');
    if (why) problems.push(`${file} includes ${header}: ${why}`);
  }
}

for (const file of filesUnder('test/native', /\.(h|cpp)$/)) {
  const { header, door } = backendInterface;
  if (file !== door && readFileSync(path.join(root, file), 'utf8').includes(`<${header}>`))
    problems.push(`${file} includes ${header}: only ${door} may`);
}

for (const file of filesUnder('lib', /\.[cm]?ts$/)) {
  const text = readFileSync(path.join(root, file), 'utf8');
  for (const [, specifier] of text.matchAll(/(?:from\s+|import\s+|import\(|require\()['"](\.[^'"]+)['"]/g)) {
    checked++;
    const target = path.posix.join(path.posix.dirname(file), specifier).replace(/\.([cm]?)js$/, '.$1ts');
    const why = checkImport(file, target);
    if (why) problems.push(`${file} imports ${specifier}: ${why}`);
  }
  for (const [, specifier] of text.matchAll(/require\(['"]([^'"]+)['"]/g)) {
    const door = doors.get(specifier) ?? (specifier.endsWith('.node') ? 'lib/native/load.ts' : file);
    if (door !== file) problems.push(`${file} requires ${specifier}: only ${door} may`);
  }
}

if (checked === 0) problems.push(`no include and no import was found under ${root}: the check itself is broken`);
for (const problem of problems) console.error(`layers: ${problem}`);
if (problems.length === 0) console.log(`layers: ${checked} includes and imports are in order`);
process.exitCode = problems.length === 0 ? 0 : 1;
