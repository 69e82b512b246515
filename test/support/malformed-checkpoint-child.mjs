// Converts seeded malformed checkpoints one after another and prints one JSON line for each; at last the sound ones. A
// child of test/addon/malformed-checkpoint.test.ts: what crashes or hangs here is a failed test there.
//
// Most mutants are given in memory and end, when they are accepted, at an output that cannot be made: all of the
// planning is done then. One of FOLDER_SHARE is read from a folder, one of WHOLE_SHARE converted whole, and its file
// inspected and loaded.
//
// node malformed-checkpoint-child.mjs SCRATCH_FOLDER SEED CASES CHECKPOINT_FOLDER...

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertCheckpoint } from '../../dist/convert/convert.js';
import { CONVERSION_TYPES } from '../../dist/convert/types.js';
import { BllossomError } from '../../dist/errors.js';
import { inspectGguf } from '../../dist/inspect.js';
import { Engine } from '../../dist/native/engine.js';
import { loadNative } from '../../dist/native/load.js';
import { mutators, openCheckpointFiles } from './malformed-checkpoint.mjs';
import { pick, randomOf } from './random.mjs';

const [scratch, seed, cases, ...folders] = process.argv.slice(2);
const FOLDER_SHARE = 10;
const WHOLE_SHARE = 20;
const random = randomOf(Number(seed));
const output = join(scratch, 'out.gguf');
const unwritable = join(scratch, 'no folder', 'out.gguf');

const checkpoints = folders.map((folder, i) => {
  const copy = join(scratch, `checkpoint-${i}`);
  cpSync(folder, copy, { recursive: true });
  const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
  return { folder: copy, ...openCheckpointFiles(files) };
});

/** A checkpoint in memory, as a caller may give it. */
function inMemory(files) {
  return {
    location: 'memory',
    list: async () => [...files.keys()],
    readText: async (name) => new TextDecoder('utf-8', { fatal: true }).decode(files.get(name)),
    open: async (name) => ({
      size: files.get(name).length,
      read: async (offset, length) => files.get(name).subarray(offset, offset + length),
      close: async () => {},
    }),
  };
}

/** "whole, …", "planned", an error code, or what was wrong. */
async function convert(source, type, isWhole = true) {
  try {
    await convertCheckpoint({ source, output: isWhole ? output : unwritable, type, threads: 1 });
  } catch (error) {
    return !isWhole && error.message?.includes(unwritable) ? 'planned' : outcomeOf(error);
  }
  return `whole, ${await use(output)}`;
}

function outcomeOf(error) {
  if (!(error instanceof BllossomError) || error.code === 'ERR_INTERNAL') return `untyped: ${error?.stack ?? error}`;
  if (error.message.length > 1000) return `a message of ${error.message.length} characters`;
  if (existsSync(output) || existsSync(`${output}.tmp`)) return `${error.code}, but a file stayed`;
  return error.code;
}

/** What was converted must be a sound file; one that cannot run is refused when it is loaded. */
async function use(path) {
  const engine = new Engine(loadNative());
  try {
    await inspectGguf(path);
    await engine.load({
      ...{
        path,
        device: 'cpu',
        threads: 1,
        gpuLayers: 0,
        memoryShare: 0.9,
        gpuBytes: 0,
        contextSize: 256,
        batchSize: 0,
      },
      ...{ maxSequences: 1, maxImages: 1, kvType: 'f16', rowMode: 'hf', checkTensors: true },
      ...{ projectorPath: '', ollamaGates: 'auto', ollamaHeads: 'auto' },
    });
    return 'loaded';
  } catch (error) {
    return error instanceof BllossomError ? error.code : `untyped: ${error?.stack ?? error}`;
  } finally {
    engine.close();
    rmSync(path);
  }
}

/** Runs work while the folder of a checkpoint holds the changed files. */
async function inFolder({ folder, files }, changed, work) {
  put(folder, changed);
  const result = await work(folder);
  put(folder, new Map([...changed.keys()].map((name) => [name, files.get(name)])));
  return result;
}

function put(folder, files) {
  for (const [name, bytes] of files) {
    if (bytes === undefined) rmSync(join(folder, name), { force: true });
    else writeFileSync(join(folder, name), bytes);
  }
}

const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

for (let i = 0; i < Number(cases); i++) {
  const [name, mutate] = mutators[i % mutators.length];
  const checkpoint = pick(random, checkpoints);
  const changed = mutate(checkpoint, random);
  const type = pick(random, CONVERSION_TYPES);
  const isWhole = random(WHOLE_SHARE) === 0;
  const start = performance.now();
  const files = new Map([...checkpoint.files, ...changed].filter(([, bytes]) => bytes !== undefined));
  const outcome =
    random(FOLDER_SHARE) === 0
      ? await inFolder(checkpoint, changed, (folder) => convert(folder, type, isWhole))
      : await convert(inMemory(files), type, isWhole);
  print({ name: `${i}: ${name}`, outcome, ms: performance.now() - start });
}
const sound = [];
for (const { folder } of checkpoints) sound.push(await convert(folder, 'F32'));
print({ finished: true, sound });
