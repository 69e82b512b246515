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

const { values, positionals } = parseArgs({ options: { 'dry-run': { type: 'boolean' } }, allowPositionals: true });
const [tarball = '', folder = ''] = positionals;

const manifestOf = (text) => JSON.parse(text);
const main = manifestOf(run('tar', ['-xzOf', tarball, 'package/package.json']).stdout);

function findPackage(name) {
  const found = ['', 'gpu-package-'].map((prefix) => path.join(folder, `${prefix}${name}`)).find(existsSync);
  if (found === undefined) throw new Error(`the package ${name} is missing in ${folder}`);
  const { name: own, version } = manifestOf(readFileSync(path.join(found, 'package.json'), 'utf8'));
  if (version !== main.version) throw new Error(`${own} has version ${version}, and the main package ${main.version}`);
  if (readdirSync(path.join(found, 'lib')).length === 0) throw new Error(`${own} holds no library`);
  return { name: own, what: found };
}

function isPublished(name) {
  try {
    return run('npm', ['view', `${name}@${main.version}`, 'version']).stdout.trim() === main.version;
  } catch (error) {
    if (/E404/.test(error.message)) return false;
    throw error;
  }
}

/** A version with a part such as "-beta.1" must not become what everybody gets. */
const tag = main.version.includes('-') ? 'next' : 'latest';

const packages = [...GPU_PACKAGES.map(findPackage), { name: main.name, what: path.resolve(tarball) }];
for (const { name, what } of packages) {
  if (values['dry-run']) {
    console.log(`publish: would publish ${name} ${main.version} as ${tag}`);
  } else if (isPublished(name)) {
    console.log(`publish: ${name} ${main.version} is there already`);
  } else {
    run('npm', ['publish', what, '--provenance', '--access', 'public', '--tag', tag], { stdio: 'inherit' });
    console.log(`publish: ${name} ${main.version} as ${tag}`);
  }
}
