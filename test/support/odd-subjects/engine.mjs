// Subjects: Engine.
import { method } from './subject.mjs';

export function engineSubjects({ files, manager, loadedManager }) {
  const { engine } = manager.model;
  const all = {};
  const request = () => ({
    prompt: [{ text: 'hello' }, { special: manager.model.info.eosToken }, { tokens: Int32Array.of(1) }],
    images: [],
    maxTokens: 1,
    sampling: {
      ...{ temperature: 0.5, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, frequencyPenalty: 0 },
      ...{ presencePenalty: 0, penaltyLastN: 0, seed: 0 },
      logitBias: { tokens: Int32Array.of(1), values: Float32Array.of(1) },
    },
    stop: ['x'],
    ...{ grammar: 'root ::= [a-z]+', logprobs: 1, reusePrompt: true, promptLookup: 3 },
    ignoreEos: false,
    credit: 10,
  });
  const { tileSize } = manager.model.info;
  const tiles = () => ({ tiles: new Uint8Array(tileSize ** 2 * 3), tileCount: 1, aspectRatioId: 1, key: 'grey' });
  const command = () => ({ signal: new AbortController().signal, onPiece() {}, onProgress() {} });
  const withOwnEngine = (name) => ({
    args: () => [],
    async call(...given) {
      const own = await loadedManager();
      await own.model.engine[name](...given);
      await own.unloadModel().catch((error) => {
        if (error.code !== 'ERR_CLOSED' && error.code !== 'ERR_NOT_LOADED') throw error;
      });
    },
  });
  /** A call with something collected before. */
  const collecting = (name, args) => ({
    args,
    async call(...given) {
      await engine.beginImportance(null);
      try {
        await engine.collect({ prompt: [{ text: 'a' }], images: [], chunk: 0 });
        await engine[name](...given);
      } finally {
        await engine.endImportance();
      }
    },
  });
  let spare;
  Object.assign(all, {
    'Engine#generate': { args: () => [request(), command()], call: (...given) => engine.generate(...given).done },
    'Engine#evaluate': method(engine, 'evaluate', () => [
      { prompt: request().prompt, images: [], chunk: 0 },
      command(),
    ]),
    'Engine#encodeImage': {
      args: () => [tiles(), command()],
      async call(...given) {
        const { id } = await engine.encodeImage(...given);
        await engine.releaseImage(id);
      },
    },
    'Engine#releaseImage': method(engine, 'releaseImage', () => [1]),
    'Engine#beginImportance': {
      args: () => [null],
      call: (...given) => engine.beginImportance(...given).finally(() => engine.endImportance()),
    },
    'Engine#collect': collecting('collect', () => [{ prompt: request().prompt, images: [], chunk: 0 }, command()]),
    'Engine#writeImportance': collecting('writeImportance', () => [
      { path: 'importance.gguf', datasets: ['a'], chunkSize: 8 },
    ]),
    'Engine#endImportance': method(engine, 'endImportance'),
    'Engine#tokenize': method(engine, 'tokenize', () => [request().prompt]),
    'Engine#detokenize': method(engine, 'detokenize', () => [Int32Array.of(1, 2)]),
    'Engine#memory': method(engine, 'memory'),
    'Engine#clearCaches': method(engine, 'clearCaches'),
    'Engine#saveSession': method(engine, 'saveSession', () => ['session.gguf', command()]),
    'Engine#loadSession': {
      args: () => ['session.gguf', command()],
      async call(...given) {
        await engine.saveSession('session.gguf');
        await engine.loadSession(...given);
      },
    },
    'Engine#load': {
      args: () => [
        {
          ...{ path: files.model, device: 'cpu', threads: 1, gpuLayers: 0, memoryShare: 0.9, gpuBytes: 0 },
          ...{ contextSize: 0, batchSize: 0 },
          ...{ maxSequences: 0, maxImages: 0, kvType: 'f32', rowMode: 'hf', checkTensors: true },
          ...{ projectorPath: '', ollamaGates: 'auto', ollamaHeads: 'auto' },
        },
        command(),
      ],
      async call(...given) {
        spare ??= (await loadedManager()).model.engine;
        await spare.unload();
        await spare.load(...given);
      },
    },
    'Engine#unload': withOwnEngine('unload'),
    'Engine#close': withOwnEngine('close'),
  });
  return all;
}
