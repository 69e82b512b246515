#!/usr/bin/env node
// Checks that a tag, the package, its lock file and the changelog speak of one version:
//
//   node scripts/release/version.mjs v1.2.3
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const read = (file) => readFileSync(path.join(root, file), 'utf8');

const tag = process.argv[2] ?? '';
const { version } = JSON.parse(read('package.json'));
const problems = [];
if (tag !== `v${version}`) problems.push(`the tag is "${tag}", and package.json says ${version}`);
if (JSON.parse(read('package-lock.json')).version !== version) problems.push('package-lock.json has another version');
if (!read('CHANGELOG.md').includes(`\n## [${version}]`)) problems.push(`CHANGELOG.md has no chapter [${version}]`);

for (const problem of problems) console.error(`version: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
