// A process that ends in one way (argv 3) while one phase of work (argv 2) is under way. Run by exit.test.ts.
import { prepareImage } from '../../dist/image/prepare.js';
import { Engine } from '../../dist/native/engine.js';
import { loadNative } from '../../dist/native/load.js';

const [, , phase, way, path, image] = process.argv;
const binding = loadNative();
const engine = new Engine(binding);
const options = {
  ...{ path, device: 'cpu', threads: 1, gpuLayers: 0, contextSize: 0, batchSize: 0, maxSequences: 0, maxImages: 0 },
  ...{ memoryShare: 0.9, gpuBytes: 0 },
  ...{ kvType: 'f16', rowMode: 'hf', checkTensors: true },
  ...{ projectorPath: '', ollamaGates: 'auto', ollamaHeads: 'auto' },
};
const sampling = {
  ...{ temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, frequencyPenalty: 0 },
  ...{ presencePenalty: 0, penaltyLastN: 0, seed: 0 },
  logitBias: { tokens: new Int32Array(), values: new Float32Array() },
};
const controller = new AbortController();
const { signal } = controller;
const expectAbort = (error) => {
  if (error !== 'planned') throw error;
};

function generate(images, onPiece) {
  const prompt = images.length ? [{ special: '<|image|>' }, { text: 'hello' }] : [{ text: 'hello' }];
  const request = {
    prompt,
    images,
    maxTokens: 4000,
    sampling,
    stop: [],
    ignoreEos: true,
    grammar: null,
    logprobs: -1,
    reusePrompt: true,
    promptLookup: 0,
    credit: 1e6,
  };
  engine.generate(request, { signal, onPiece }).done.catch(expectAbort);
}

function end() {
  if (way === 'natural') controller.abort('planned');
  else if (way === 'exit') process.exit(7);
  else if (way === 'throw') throw new Error('planned');
  else process.stdout.write('ready\n'); // the parent sends the signal
}

if (phase === 'load') {
  engine.load(options, { signal }).then(() => {}, expectAbort);
  if (way.startsWith('SIG')) setInterval(() => {}, 1000);
  setImmediate(end);
} else {
  const info = await engine.load(options);
  if (phase === 'encode' || phase === 'keep') {
    const { width, height, ...tiles } = await prepareImage(image, info, binding.tileImage);
    if (phase === 'encode') generate([tiles], () => {});
    else engine.encodeImage(tiles, { signal }).then(() => {}, expectAbort);
    setImmediate(end);
  } else {
    let first = true;
    generate([], () => {
      if (first) setImmediate(end);
      first = false;
    });
  }
  if (way.startsWith('SIG')) setInterval(() => {}, 1000);
}
