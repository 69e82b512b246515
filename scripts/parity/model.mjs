// The real converter and the real engine, as the checks need them.
import path from 'node:path';
import { convertCheckpoint } from '../../dist/convert/convert.js';
import { Engine } from '../../dist/native/engine.js';
import { loadNative } from '../../dist/native/load.js';

const GREEDY = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  penaltyLastN: 0,
  seed: 0,
  logitBias: { tokens: new Int32Array(), values: new Float32Array() },
};

/** Converts a golden folder's checkpoint and returns the file. */
export async function convert(golden, type, intermediates, scratch) {
  const output = path.join(scratch, `${golden.name}-${type}-${intermediates}.gguf`);
  await convertCheckpoint({ source: golden.checkpoint, output, type, intermediates });
  return output;
}

/**
 * A loaded model; `close` it. One thread unless it is said: on matrices as small as the goldens' more of them only wait for
 * each other.
 */
export async function openModel(file, { rowMode, kvType, files = {}, threads = 1, binding = loadNative() }) {
  const engine = new Engine(binding);
  const info = await engine.load({
    path: file,
    projectorPath: '',
    ollamaGates: 'auto',
    ollamaHeads: 'auto',
    ...files,
    device: 'cpu',
    threads,
    gpuLayers: -1,
    memoryShare: 0.9,
    gpuBytes: 0,
    contextSize: 1024,
    batchSize: 0,
    maxSequences: 1,
    maxImages: 8,
    kvType,
    rowMode,
    checkTensors: true,
  });
  const prompt = (ids) => [{ tokens: Int32Array.from(ids) }];
  const greedy = (ids, images, maxTokens, logprobs) => {
    const request = { prompt: prompt(ids), images, maxTokens, sampling: GREEDY, stop: [], grammar: null };
    return engine.generate({
      ...request,
      logprobs,
      reusePrompt: false,
      promptLookup: 0,
      ignoreEos: true,
      credit: maxTokens,
    }).done;
  };
  return {
    info,
    tokenize: (parts) => engine.tokenize(parts),
    /** The decoder of images comes with the first one: it runs on fewer processors than the engine. */
    prepare: async (image) => {
      const { prepareImage } = await import('../../dist/image/prepare.js');
      return prepareImage(image.file, info, binding.tileImage);
    },
    evaluate: (ids, images, chunk) => engine.evaluate({ prompt: prompt(ids), images, chunk }),
    /** Ids of `maxTokens` greedy tokens, going on after a stop token. */
    greedy: async (ids, images, maxTokens) => (await greedy(ids, images, maxTokens, -1)).tokens,
    /** The same with the log-probabilities of the two likeliest at every step: [2 * maxTokens]. */
    greedyOfTwo: async (ids, images, maxTokens) => {
      const { tokens, logprobs } = await greedy(ids, images, maxTokens, 2);
      return { tokens, likeliest: logprobs.topValues };
    },
    close: () => engine.close(),
  };
}
