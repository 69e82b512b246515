#!/usr/bin/env node
// Makes a random Mllama checkpoint: every tensor, shape and file of the real one, values from a seed. For benchmarks,
// memory figures and tests of the converter, where the weights themselves do not matter.
//
//   node scripts/random-checkpoint.mjs <folder>    [--preset aica-5b | small | tiny] [--seed <n>]
//   node scripts/random-checkpoint.mjs <file.gguf> [--preset …] [--seed <n>] [--type Q4_K_M]
//
// A folder gets Hugging Face files in BF16 (aica-5b: 10.4 GB). A name that ends in .gguf gets the converted model
// straight away, without a checkpoint on the disk.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { randomCheckpoint } from './random-checkpoint/checkpoint.mjs';
import { PRESETS } from './random-checkpoint/presets.mjs';
import { writeFolder } from './random-checkpoint/write-folder.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    preset: { type: 'string', default: 'tiny' },
    seed: { type: 'string', default: '1' },
    type: { type: 'string', default: 'Q4_K_M' },
  },
});
const [output] = positionals;
const preset = PRESETS[values.preset];
if (output === undefined || preset === undefined || !/^\d+$/.test(values.seed)) {
  console.error(
    `usage: random-checkpoint.mjs <folder or file.gguf> [--preset ${Object.keys(PRESETS).join('|')}] [--seed n] [--type t]`,
  );
  process.exit(2);
}

const checkpoint = randomCheckpoint(preset, Number(values.seed));
if (output.endsWith('.gguf')) {
  const { convertCheckpoint } = await import('../dist/index.js');
  const report = await convertCheckpoint({ source: checkpoint, output, type: values.type });
  console.log(`${output}: ${report.parameters} parameters in ${report.type}, ${report.seconds.toFixed(1)} s`);
} else {
  const bytes = await writeFolder(checkpoint, path.resolve(output));
  console.log(`${output}: ${bytes} bytes`);
}
