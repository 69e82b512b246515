// Loads seeded malformed model files one after another into one engine, asks what loads about an image, and prints one
// JSON line per case; then loads the sound file. A child of test/addon/malformed-gguf.test.ts: what crashes here is a
// failed test there. The C++ tests run many more cases; these show that Node's process and the addon outlive them.
//
// node malformed-gguf-child.mjs MODEL IMAGE SCRATCH_FILE SEED CASES

import { readFileSync, writeFileSync } from 'node:fs';
import { BllossomError, toBllossomError } from '../../dist/errors.js';
import { prepareImage } from '../../dist/image/prepare.js';
import { inspectGguf } from '../../dist/inspect.js';
import { Engine } from '../../dist/native/engine.js';
import { loadNative } from '../../dist/native/load.js';
import { mutators, openGguf } from './malformed-gguf.mjs';

const [model, image, scratch, seed, cases] = process.argv.slice(2);
const binding = loadNative();
const engine = new Engine(binding);
const sampling = {
  ...{ temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, frequencyPenalty: 0 },
  ...{ presencePenalty: 0, penaltyLastN: 0, seed: 0 },
  logitBias: { tokens: new Int32Array(), values: new Float32Array() },
};

const outcomeOf = (error) => {
  const typed = toBllossomError(error);
  return error instanceof BllossomError || typed.code !== 'ERR_INTERNAL' ? typed.code : `untyped: ${error}`;
};

/** "ran TOKENS", or how it failed. */
async function run(path) {
  try {
    const info = await engine.load({
      ...{ path, device: 'cpu', threads: 1, gpuLayers: 0, contextSize: 256, batchSize: 0, maxSequences: 0 },
      ...{ memoryShare: 0.9, gpuBytes: 0 },
      ...{ maxImages: 1, kvType: 'f16', rowMode: 'hf', checkTensors: true },
      ...{ projectorPath: '', ollamaGates: 'auto', ollamaHeads: 'auto' },
    });
    const { width, height, ...tiles } = await prepareImage(image, info, binding.tileImage);
    const prompt = [{ special: info.imageToken }, { text: 'hello' }];
    const request = {
      prompt,
      images: [tiles],
      maxTokens: 3,
      sampling,
      stop: [],
      ignoreEos: true,
      grammar: null,
      logprobs: -1,
      reusePrompt: true,
      promptLookup: 0,
      credit: 4,
    };
    const { tokens } = await engine.generate(request).done;
    return `ran ${tokens}`;
  } catch (error) {
    return outcomeOf(error);
  }
}

const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const before = await run(model);
const gguf = openGguf(readFileSync(model), Number(seed));
const names = Object.keys(mutators);
for (let i = 0; i < Number(cases); i++) {
  const name = `${i}: ${names[i % names.length]}`;
  print({ begin: name });
  writeFileSync(scratch, mutators[names[i % names.length]](gguf));
  const start = performance.now();
  const inspected = await inspectGguf(scratch).then(() => 'inspected', outcomeOf);
  print({ name, inspected, result: await run(scratch), ms: performance.now() - start });
}
print({ finished: true, before, after: await run(model) });
engine.close();
