#!/usr/bin/env node
// Writes the results of bench/results into docs/benchmarks.md.
//
//   node bench/table.mjs
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withResults } from './result-tables.mjs';

const folder = fileURLToPath(new URL('results', import.meta.url));
const page = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));

const reports = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')));
writeFileSync(page, withResults(readFileSync(page, 'utf8'), reports));
console.log(`${page}: ${reports.length} reports`);
