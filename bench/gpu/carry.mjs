#!/usr/bin/env node
// Packs what a machine without Node needs for the benchmarks, and cannot make itself, into bench/.carry:
//
//   models/<preset>.<type>.header.gz   the header of a converted model: bllossom-bench fills in random weights
//   models/<preset>.config.json        the config of the same shapes for transformers
//   goldens/<name>.cases.gguf.gz       inputs and golden values (bench/native/golden-cases.h)
//   goldens/<name>.<type>.gguf.gz      the golden checkpoint, converted
//
//   node bench/gpu/carry.mjs           needs a built addon (`npm run build`)
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { findGoldenFolders, readGoldenFolder } from '../../scripts/parity/golden-folder.mjs';
import { convert, openModel } from '../../scripts/parity/model.mjs';
import { PRESETS } from '../../scripts/random-checkpoint/presets.mjs';
import { packGoldens } from './carry/goldens.mjs';
import { writeConfig, writeHeader } from './carry/model-header.mjs';

const inRepository = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const target = inRepository('bench/.carry');

/** Full size for the machine that is measured, a tiny one to try the script with. */
const MODELS = ['aica-5b', 'tiny'];
const MODEL_TYPES = ['Q4_K_M', 'BF16'];
const GOLDEN_TYPES = ['F32', 'BF16', 'Q8_0'];

rmSync(target, { recursive: true, force: true });
const models = path.join(target, 'models');
const goldens = path.join(target, 'goldens');
for (const folder of [models, goldens]) mkdirSync(folder, { recursive: true });

for (const name of MODELS) {
  await writeConfig(PRESETS[name], path.join(models, `${name}.config.json`));
  for (const type of MODEL_TYPES) {
    await writeHeader(PRESETS[name], type, path.join(models, `${name}.${type}.header.gz`));
  }
}
const folders = ['test/fixtures/goldens', 'test/fixtures/device-goldens'].flatMap((name) =>
  findGoldenFolders(inRepository(name)),
);
for (const folder of folders) {
  const golden = readGoldenFolder(folder);
  for (const type of GOLDEN_TYPES) {
    renameSync(
      await convert(golden, type, golden.intermediates, goldens),
      path.join(goldens, `${golden.name}.${type}.gguf`),
    );
  }
  const model = await openModel(path.join(goldens, `${golden.name}.F32.gguf`), { rowMode: 'hf', kvType: 'f32' });
  await packGoldens(golden, model, path.join(goldens, `${golden.name}.cases.gguf`));
  model.close();
}

for (const name of await readdir(goldens)) {
  const file = path.join(goldens, name);
  writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)));
  rmSync(file);
}

let total = 0;
for (const name of await readdir(target, { recursive: true })) {
  const file = statSync(path.join(target, name));
  if (!file.isFile()) continue;
  total += file.size;
  console.log(`${(file.size / 1e6).toFixed(2).padStart(8)} MB  ${name}`);
}
console.log(`${(total / 1e6).toFixed(2).padStart(8)} MB  in all`);
