// A tarball of the package for CUDA, made as the workflow makes it, around a library that stands for the real one.
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { libraryName } from './platforms.mjs';
import { run } from './run.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const platform = `${process.platform}-${process.arch}`;

/** The stand-in links to the prebuilt ggml by name alone, and lies elsewhere, as the real library does. */
function compileStandIn(folder) {
  const prebuilt = path.join(root, 'prebuilds', platform);
  const base = path.join(prebuilt, 'libbllossom-ggml-base.so');
  if (!existsSync(base)) throw new Error(`${base} is missing: run the stage prebuild before`);
  mkdirSync(folder, { recursive: true });
  const ggml = path.join(root, 'vendor', 'llama.cpp', 'ggml');
  const includes = ['include', 'src'].flatMap((name) => ['-I', path.join(ggml, name)]);
  const source = path.join(root, 'scripts', 'release', 'stand-in-backend.cpp');
  const output = path.join(folder, libraryName(platform, 'cuda'));
  run('c++', ['-std=c++17', '-shared', '-fPIC', ...includes, source, base, '-o', output]);
}

/** @param {string} folder for everything that is made @returns {string} the tarball */
export function packGpuPackage(folder) {
  const built = path.join(folder, 'stand-in');
  compileStandIn(built);
  const script = path.join(root, 'scripts', 'gpu-package.mjs');
  run(process.execPath, [script, '--backend', 'cuda', '--from', built, '--into', folder]);
  const packed = run('npm', ['pack', path.join(folder, `${platform}-cuda`), '--json', '--pack-destination', folder]);
  const [{ filename }] = Object.values(JSON.parse(packed.stdout));
  return path.join(folder, filename);
}
