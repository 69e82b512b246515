#!/usr/bin/env node
// Computes what models/registry.yaml says about sizes and memory, by the converter's own plan.
//
//   node scripts/registry-sizes.mjs            writes it
//   node scripts/registry-sizes.mjs --check    only compares; exit code 1 when something differs
//
// --file <file> takes another registry. Needs a build (npm run build:ts).
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { parseDocument } from 'yaml';
import { readArchitecture } from '../dist/models/registry.js';
import { sizesOf } from './registry/sizes.mjs';

const OWN = fileURLToPath(new URL('../models/registry.yaml', import.meta.url));

function main() {
  const options = { check: { type: 'boolean', default: false }, file: { type: 'string', default: OWN } };
  const { check, file } = parseArgs({ options }).values;
  const document = parseDocument(readFileSync(file, 'utf8'));
  const differences = [];
  for (const [alias, model] of Object.entries(document.toJS().models)) {
    const sizes = sizesOf(readArchitecture(`models.${alias}.architecture`, model.architecture));
    for (const [key, value] of Object.entries(sizes)) {
      if (isDeepStrictEqual(model[key], value)) continue;
      differences.push(`models.${alias}.${key}`);
      document.setIn(['models', alias, key], toNode(document, value));
    }
  }
  if (differences.length === 0) return console.log('registry-sizes: all sizes are right');
  if (!check) {
    writeFileSync(file, document.toString({ lineWidth: 0, flowCollectionPadding: false }));
    return console.log(`registry-sizes: wrote ${differences.length} values`);
  }
  for (const place of differences) console.error(`registry-sizes: ${place} is not what the converter's plan gives`);
  process.exitCode = 1;
}

/** The sizes of a type stand on one line. */
function toNode(document, value) {
  const node = document.createNode(value);
  for (const { value: size } of node.items ?? []) size.flow = true;
  return node;
}

main();
