#!/usr/bin/env node
// Packs the package into the current folder and looks into the tarball: the prebuilt addons, what a source build needs,
// the licences, and nothing that must not get out.
//
//   node scripts/release/pack.mjs [--all-platforms]
//
// Without the option the addon of this machine's platform has to be in it; with it, those of all.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPrebuild } from '../prebuild/check.mjs';
import { PLATFORMS } from './platforms.mjs';
import { run } from './run.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

const NEEDED = [
  ...['dist/index.js', 'dist/index.cjs', 'dist/cli/main.js', 'models/demo.gguf', 'models/pictures/receipt.png'],
  ...['CMakeLists.txt', 'cpp/binding/addon.cpp', 'scripts/install.mjs', 'scripts/build-native.mjs', 'vendor/pin.json'],
  ...['vendor/llama.cpp/src/llama.cpp', 'vendor/llama.cpp/ggml/src/ggml-cuda/ggml-cuda.cu'],
  ...['LICENSE', 'THIRD_PARTY_NOTICES.md', 'vendor/llama.cpp/LICENSE'],
];

/** Bytes over which npm's registry and its users would complain. */
const LIMIT = 150e6;

/**
 * @param {{ allPlatforms?: boolean, into?: string }} [options]
 * @returns {{ tarball: string, size: number, unpackedSize: number }} bytes
 */
export function pack({ allPlatforms = false, into = process.cwd() } = {}) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { stdout } = run(npm, ['pack', '--json', '--pack-destination', into], {
    cwd: root,
    shell: process.platform === 'win32',
  });
  // What the scripts of the package print comes before the JSON.
  const listing = JSON.parse(stdout.slice(stdout.search(/^[[{]\s*$/m)));
  const [{ filename, size, unpackedSize, files }] = Object.values(listing);
  const tarball = path.join(into, filename);
  const names = new Set(files.map((file) => file.path));
  const problems = [
    ...NEEDED.filter((name) => !names.has(name)).map((name) => `${name} is not in it`),
    ...prebuiltProblems(tarball, allPlatforms ? PLATFORMS : [`${process.platform}-${process.arch}`]),
    ...(size > LIMIT ? [`it has ${size} bytes, more than ${LIMIT}`] : []),
  ];
  if (problems.length > 0) throw new Error(`the tarball is not what it should be: ${problems.join('; ')}`);
  return { tarball, size, unpackedSize };
}

/** Looked for in the tarball itself. */
function prebuiltProblems(tarball, platforms) {
  const folder = mkdtempSync(path.join(tmpdir(), 'packed-'));
  try {
    run('tar', ['-xzf', tarball, '-C', folder]);
    return platforms.flatMap((platform) => prebuiltProblem(path.join(folder, 'package', 'prebuilds', platform)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function prebuiltProblem(folder) {
  if (!existsSync(folder)) return [`there is no prebuilt addon for ${path.basename(folder)}`];
  try {
    checkPrebuild(folder, root);
    return [];
  } catch (error) {
    return [error.message];
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { tarball, size, unpackedSize } = pack({ allPlatforms: process.argv.includes('--all-platforms') });
  console.log(`pack: ${tarball}, ${size} bytes, ${unpackedSize} unpacked`);
}
