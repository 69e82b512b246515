#!/usr/bin/env node
// Publishes the packages for GPUs and after them the main one, with provenance. Nothing is published unless every
// package is there in the same version. A version that is in the registry already is left out, so that a run which
// failed halfway can be repeated.
//
//   node scripts/release/publish.mjs <tarball> <folder of the GPU packages> [--dry-run]
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { GPU_PACKAGES } from './platforms.mjs';
import { run } from './run.mjs';

/** The package for a GPU, under its own name or that of the workflow's artifact. @throws Error when it is not as it must be */
function findPackage(name, folder, version) {
  const found = ['', 'gpu-package-'].map((prefix) => path.join(folder, `${prefix}${name}`)).find(existsSync);
  if (found === undefined) throw new Error(`the package ${name} is missing in ${folder}`);
  const own = JSON.parse(readFileSync(path.join(found, 'package.json'), 'utf8'));
  if (own.version !== version)
    throw new Error(`${own.name} has version ${own.version}, and the main package ${version}`);
  if (readdirSync(path.join(found, 'lib')).length === 0) throw new Error(`${own.name} holds no library`);
  return { name: own.name, what: found };
}

function isPublished(name, version) {
  try {
    return run('npm', ['view', `${name}@${version}`, 'version']).stdout.trim() === version;
  } catch (error) {
    if (/E404/.test(error.message)) return false;
    throw error;
  }
}

function main() {
  const { values, positionals } = parseArgs({ options: { 'dry-run': { type: 'boolean' } }, allowPositionals: true });
  const [tarball = '', folder = ''] = positionals;
  const { name, version } = JSON.parse(run('tar', ['-xzOf', tarball, 'package/package.json']).stdout);
  const packages = GPU_PACKAGES.map((gpu) => findPackage(gpu, folder, version));
  packages.push({ name, what: path.resolve(tarball) });
  // A version with a part such as "-beta.1" must not become what everybody gets.
  const tag = version.includes('-') ? 'next' : 'latest';
  for (const { name, what } of packages) {
    if (values['dry-run']) {
      console.log(`publish: would publish ${name} ${version} as ${tag}`);
    } else if (isPublished(name, version)) {
      console.log(`publish: ${name} ${version} is there already`);
    } else {
      run('npm', ['publish', what, '--provenance', '--access', 'public', '--tag', tag], { stdio: 'inherit' });
      console.log(`publish: ${name} ${version} as ${tag}`);
    }
  }
}

try {
  main();
} catch (error) {
  console.error(`publish: ${error.message}`);
  process.exitCode = 1;
}
