#!/usr/bin/env node
// What the real thing costs on this machine: a random checkpoint of exactly AICA-5B's tensors is converted, loaded and
// asked about a picture, each in a process of its own. Prints times, peak memory, file size and the memory plan.
//
//   node scripts/full-size.mjs [--folder <work folder>] [--type Q4_K_M] [--tokens 8] [--json <file>]
//
// Takes 14 GB of disk and about 6 GB of memory. What is there in the work folder is used again.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inspectGguf } from '../dist/index.js';
import { randomCheckpoint } from './random-checkpoint/checkpoint.mjs';
import { PRESETS } from './random-checkpoint/presets.mjs';
import { writeFolder } from './random-checkpoint/write-folder.mjs';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: path.join(os.tmpdir(), 'bllossom-full-size') },
    type: { type: 'string', default: 'Q4_K_M' },
    tokens: { type: 'string', default: '8' },
    json: { type: 'string' },
  },
});

/** Of the language part at Q4_K_M, by the mix of llama.cpp with every cross matrix in Q4_K. */
const EXPECTED_LANGUAGE_BYTES = 2.649e9;

const program = (name) => fileURLToPath(new URL(`full-size/${name}.mjs`, import.meta.url));
const run = (name, ...args) =>
  JSON.parse(
    execFileSync(process.execPath, [program(name), ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
const gb = (bytes) => `${(bytes / 1e9).toFixed(3)} GB`;
const percent = (part, whole) => `${(100 * (part / whole - 1)).toFixed(1)} %`;

async function checkpointFolder() {
  const folder = path.join(values.folder, 'checkpoint');
  const last = path.join(folder, 'model-00003-of-00003.safetensors');
  if (!existsSync(last)) {
    mkdirSync(folder, { recursive: true });
    await writeFolder(randomCheckpoint(PRESETS['aica-5b'], 1), folder);
  }
  return folder;
}

async function languageBytes(file) {
  const { tensors } = await inspectGguf(file);
  return tensors.filter(({ name }) => !/^(v|mm)\./.test(name)).reduce((sum, { bytes }) => sum + bytes, 0);
}

const folder = await checkpointFolder();
const file = path.join(values.folder, `model.${values.type}.gguf`);

const conversion = run('convert', folder, file, values.type);
const language = await languageBytes(file);
console.log(`convert     ${conversion.seconds.toFixed(0)} s, peak ${gb(conversion.peakBytes)}`);
console.log(`file        ${gb(statSync(file).size)}`);
console.log(
  `  language  ${gb(language)}${values.type === 'Q4_K_M' ? ` (${percent(language, EXPECTED_LANGUAGE_BYTES)})` : ''}`,
);

const picture = fileURLToPath(new URL('../models/pictures/receipt.png', import.meta.url));
const answer = run('answer', file, picture, values.tokens);
console.log(`load        ${answer.loadSeconds.toFixed(1)} s`);
console.log(`answer      ${answer.outputTokens} tokens, image ${answer.imageEncodeTime.toFixed(0)} s`);
console.log(
  `plan        ${gb(answer.plannedBytes)}, measured peak ${gb(answer.peakBytes)} (plan ${percent(answer.plannedBytes, answer.peakBytes)})`,
);

if (values.json !== undefined) {
  const machine = {
    cpu: os.cpus()[0]?.model,
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    node: process.version,
  };
  const report = {
    machine,
    type: values.type,
    conversion,
    fileBytes: statSync(file).size,
    languageBytes: language,
    answer,
  };
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
