#!/usr/bin/env node
// Compares the engine with golden values, number by number.
//
//   npm run parity                      the goldens of this repository (test/fixtures/goldens)
//   npm run parity -- --from <folder>   goldens that someone else made in the same format (test/reference/README.md)
//   npm run parity -- --json            one JSON object last: { passed, failed, cases: [{ name, quantity, … }] }
//
// Everything runs through the real converter, image path and engine. Exit code 1 when a check fails or none was made.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkFolder } from './parity/checks.mjs';
import { findGoldenFolders, readGoldenFolder } from './parity/golden-folder.mjs';
import { formatRow, HEADER, summarise } from './parity/report.mjs';

const OWN_GOLDENS = fileURLToPath(new URL('../test/fixtures/goldens', import.meta.url));

function readOptions() {
  try {
    const options = { from: { type: 'string', default: OWN_GOLDENS }, json: { type: 'boolean', default: false } };
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`parity: ${error.message}`);
    process.exit(1);
  }
}

const options = readOptions();

const scratch = mkdtempSync(path.join(tmpdir(), 'bllossom-parity-'));
const rows = [];
try {
  const folders = findGoldenFolders(path.resolve(options.from));
  if (folders.length === 0) throw new Error(`${options.from}: there is no golden folder (one with a goldens.json)`);
  console.log(HEADER);
  for (const folder of folders) {
    for await (const row of checkFolder(readGoldenFolder(folder), scratch)) {
      rows.push(row);
      console.log(formatRow(row));
    }
  }
} catch (error) {
  console.error(`parity: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}

const summary = summarise(rows);
if (summary.failed > 0 || summary.passed === 0) process.exitCode = 1;
console.log(options.json ? JSON.stringify(summary) : `${summary.passed} passed, ${summary.failed} failed`);
