#!/usr/bin/env node
// Runs a program of examples/ from the sources: npm run example describe-image photo.jpg
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileExamples } from './examples/compile.mjs';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const names = readdirSync(path.join(root, 'examples'))
  .filter((name) => name.endsWith('.ts') && name !== 'model.ts')
  .map((name) => path.basename(name, '.ts'));

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run example <name> [arguments]; names: ${names.join(', ')}`);
  process.exit(1);
}
const folder = compileExamples(root);
const { status } = spawnSync(process.execPath, [path.join(folder, `${name}.js`), ...args], { stdio: 'inherit' });
process.exit(status ?? 1);
