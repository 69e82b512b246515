#!/usr/bin/env node
// Removes what building made. The vendored sources stay: `npm run vendor` checks them by itself.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const made = [
  'build',
  'build-debug',
  'build-asan',
  'build-portable',
  'build-bench',
  'prebuilds',
  'gpu-packages',
  'dist',
  'coverage',
];
for (const folder of made) {
  rmSync(path.join(root, folder), { recursive: true, force: true });
}
