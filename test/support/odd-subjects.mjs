// Everything public that can be called, with arguments that work: one entry a call. odd-values-child.mjs puts odd values
// in place of each argument, and of each property of arguments that are plain objects or arrays.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { THROWN } from './odd-values.mjs';

/**
 * @typedef {object} Subject
 * @property {() => unknown[]} args arguments with which the call works, fresh ones
 * @property {(...args: unknown[]) => unknown} call
 * @property {(error: unknown, value: unknown) => boolean} [allows] an error that is documented though not typed
 * @property {boolean} [waits] on promises of the caller: one that never settles is the caller's own
 * @property {boolean} [inside] odd values are put only inside the arguments, not in place of them
 */

/** What the caller's own function throws comes back as it is. */
export const allowsOwn = (error, value) =>
  error === value || error === THROWN || (typeof value === 'function' && error instanceof TypeError);

/** A method that does not need a state of its own. */
const method = (object, name, args = () => []) => ({ args, call: (...given) => object[name](...given) });

/**
 * @returns {Record<string, Subject>} "Class" is its constructor, "Class#method" a method; what stands in brackets behind
 *   says which of several ways to call it this is
 */
export function subjects({ api, files, manager, loadedManager }) {
  const { BllossomError, ModelManager, TextGenerator, VisionGenerator, Config, Generation, Batch } = api;
  const { engine, processor } = manager.model;
  const text = new TextGenerator(manager);
  const vision = new VisionGenerator(manager);
  const one = () => ({ maxTokens: 1, temperature: 0, logitBias: { 5: 1 }, logprobs: 1 });
  const batchOne = () => ({ ...one(), onProgress() {} });
  const all = {};

  for (const [name, value] of Object.entries(api)) {
    if (value?.prototype instanceof BllossomError) {
      const args = () => ['it failed', { cause: new Error('why') }];
      all[value.name] = { args, call: (...given) => new value(...given) };
      if (name !== value.name) all[name] = all[value.name];
    }
  }
  all.BllossomError = {
    args: () => ['ERR_IO', 'it failed', { cause: new Error('why') }],
    call: (...given) => new BllossomError(...given),
  };

  const sections = () => JSON.parse(JSON.stringify(manager.config));
  const configured = (given) => Object.defineProperties(new Config(), Object.getOwnPropertyDescriptors(given));
  Object.assign(all, {
    Config: { args: () => [files.config], call: (...given) => new Config(...given) },
    'Config#loadFromYaml': { args: () => [files.config], call: (...given) => new Config().loadFromYaml(...given) },
    'Config#saveToYaml': { args: () => ['saved.yaml'], call: (...given) => new Config().saveToYaml(...given) },
    'Config#validate': {
      args: () => [sections()],
      call: (given) => configured(given).validate(),
      inside: true,
    },
    'Config#clone': {
      args: () => [{ paths: sections().paths }],
      call: (given) => configured(given).clone(),
      inside: true,
    },
    'Config#toJSON': {
      args: () => [{ paths: sections().paths }],
      call: (given) => configured(given).toJSON(),
      inside: true,
    },
    'Config#printConfig': method(new Config(), 'printConfig'),
    'Config#toString': { args: () => [sections()], call: (given) => configured(given).toString(), inside: true },
    setupEnvironment: { args: () => [new Config()], call: (...given) => api.setupEnvironment(...given) },
  });

  const load = async (config, ...given) => {
    const own = new ModelManager(config);
    const loaded = await own.loadModel(...given);
    await own.unloadModel();
    if (!loaded) throw own.lastError;
  };
  Object.assign(all, {
    ModelManager: { args: () => [new Config()], call: (...given) => new ModelManager(...given) },
    getModelManager: { args: () => [new Config()], call: (...given) => api.getModelManager(...given) },
    'ModelManager#requireModel': method(manager, 'requireModel'),
    'ModelManager#getModelInfo': method(manager, 'getModelInfo'),
    'ModelManager#planMemory': method(manager, 'planMemory'),
    'ModelManager#healthCheck': method(manager, 'healthCheck'),
    'ModelManager#clearMemory': method(manager, 'clearMemory'),
    'ModelManager#[Symbol.asyncDispose]': {
      args: () => [],
      call: (...given) => new ModelManager()[Symbol.asyncDispose](...given),
    },
    withModel: {
      args: () => [manager.config.clone(), async () => 1, { onProgress() {}, signal: new AbortController().signal }],
      call: (...given) => api.withModel(...given),
      allows: allowsOwn,
    },
    'ModelManager#unloadModel': { args: () => [], call: (...given) => new ModelManager().unloadModel(...given) },
    'ModelManager#loadModel': {
      args: () => [{ onProgress() {}, signal: new AbortController().signal }],
      call: (...given) => load(manager.config, ...given),
    },
    'ModelManager#loadModel (configuration)': {
      args: () => [sections()],
      call: (given) => load(configured(given)),
      inside: true,
    },
  });

  Object.assign(all, {
    'Processor#tokenize': method(processor, 'tokenize', () => [
      [{ text: 'a' }, { special: manager.model.info.eosToken }, { tokens: Int32Array.of(1) }],
    ]),
    'Processor#detokenize': method(processor, 'detokenize', () => [[1, 2]]),
    'Processor#applyChatTemplate': method(processor, 'applyChatTemplate', () => [
      [
        { role: 'system', content: 'be brief', name: 'x' },
        { role: 'user', content: [{ type: 'text', text: 'hi' }, { type: 'image' }] },
      ],
      { addGenerationPrompt: true, dateString: '26 Jul 2024', now: new Date(), tools: [{ name: 'search' }] },
    ]),
    'Processor#readImage': method(processor, 'readImage', () => [files.image, new AbortController().signal]),
    'Processor#prepareImage': method(processor, 'prepareImage', () => [
      files.image,
      {
        limits: { maxBytes: 1e6, maxPixels: 1e6, maxSide: 1000, maxSeconds: 1 },
        ...{ upright: true, signal: new AbortController().signal },
      },
    ]),
  });

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
    ...{ grammar: 'root ::= [a-z]+', logprobs: 1 },
    ignoreEos: false,
    credit: 10,
  });
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

  Object.assign(all, {
    TextGenerator: { args: () => [manager, new Config()], call: (...given) => new TextGenerator(...given) },
    'TextGenerator#generate': method(text, 'generate', () => ['안녕', one()]),
    'TextGenerator#chatGenerate': method(text, 'chatGenerate', () => [
      [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: '?' },
            { type: 'image', image: files.image },
          ],
        },
      ],
      one(),
    ]),
    'TextGenerator#batchGenerate': method(text, 'batchGenerate', () => [['a', 'b'], batchOne()]),
  });

  Object.assign(all, {
    VisionGenerator: { args: () => [manager, new Config()], call: (...given) => new VisionGenerator(...given) },
    'VisionGenerator#generateWithImage': method(vision, 'generateWithImage', () => [files.image, '?', one()]),
    'VisionGenerator#answerVisualQuestion': method(vision, 'answerVisualQuestion', () => [files.image, '?', one()]),
    'VisionGenerator#runTask': method(vision, 'runTask', () => ['ocr', files.image, one()]),
    'VisionGenerator#batchAnalyzeImages': method(vision, 'batchAnalyzeImages', () => [[files.image], '?', batchOne()]),
  });
  for (const name of ['describeImage', 'extractText', 'analyzeChart', 'analyzeTable', 'convertToMarkdown']) {
    all[`VisionGenerator#${name}`] = method(vision, name, () => [files.image, one()]);
  }

  const documents = new api.DocumentProcessor(vision);
  Object.assign(all, {
    DocumentProcessor: { args: () => [vision], call: (...given) => new api.DocumentProcessor(...given) },
    'DocumentProcessor#processDocumentPage': method(documents, 'processDocumentPage', () => [
      ...[files.image, 'extract'],
      { ...one(), language: 'en' },
    ]),
    'DocumentProcessor#processMultiPageDocument': method(documents, 'processMultiPageDocument', () => [
      ...[[files.image], 'extract'],
      {
        ...batchOne(),
        ...{ pages: [1], fonts: ['font.ttf'] },
        resume: [{ success: true, pageNumber: 2, response: 'kept', task: 'extract' }],
      },
    ]),
    'DocumentProcessor#processMultiPageDocument (kept pages)': {
      args: () => [{ success: true, pageNumber: 1, response: 'kept', task: 'extract' }],
      call: (page) => documents.processMultiPageDocument([files.image], 'extract', { resume: [page] }),
      inside: true,
    },
  });

  const conversation = () => new api.ConversationManager(text, { maxHistory: 2 });
  const spoken = async (name, ...given) => {
    const own = conversation();
    await own.generateResponse('hello', one());
    return own[name](...given);
  };
  Object.assign(all, {
    ConversationManager: {
      args: () => [text, { maxHistory: 2 }],
      call: (...given) => new api.ConversationManager(...given),
    },
    'ConversationManager#setSystemMessage': method(conversation(), 'setSystemMessage', () => ['be brief']),
    'ConversationManager#generateResponse': {
      args: () => [
        [
          { type: 'text', text: '?' },
          { type: 'image', image: files.image },
        ],
        one(),
      ],
      call: (...given) => conversation().generateResponse(...given),
    },
    'ConversationManager#clearHistory': { args: () => [], call: (...given) => spoken('clearHistory', ...given) },
    'ConversationManager#getHistorySummary': {
      args: () => [],
      call: (...given) => spoken('getHistorySummary', ...given),
    },
    'ConversationManager#exportConversation': {
      args: () => ['conversation.json', { images: 'embed', overwrite: true }],
      call: (...given) => spoken('exportConversation', ...given),
    },
    'ConversationManager#importConversation': {
      args: () => ['conversation.json', { allowReferences: true }],
      call: (...given) => conversation().importConversation(...given),
    },
  });

  Object.assign(all, {
    safeGenerate: {
      args: () => [text, 'hello', { ...one(), maxRetries: 1, retryDelay: 0 }],
      call: (...given) => api.safeGenerate(...given),
    },
    retry: {
      args: () => [async () => 1, { maxRetries: 1, retryDelay: 0, manager }],
      call: (...given) => api.retry(...given),
      allows: allowsOwn,
    },
    'retry (what fails)': {
      args: () => [{ maxRetries: 1, retryDelay: 0, manager, onRetry() {} }],
      call(options) {
        let failed = false;
        return api.retry(() => {
          if (failed) return 1;
          failed = true;
          throw new api.OutOfMemoryError('once');
        }, options);
      },
      inside: true,
    },
    monitorPerformance: {
      args: () => [async () => ({ ok: true })],
      call: (...given) => api.monitorPerformance(...given)(),
      allows: allowsOwn,
    },
    'monitorPerformance (what the function gives)': {
      args: () => [{ result: { ok: true } }],
      call: (given) => api.monitorPerformance(async () => given.result)(),
      inside: true,
      waits: true,
      allows: (error) => error === THROWN || error instanceof TypeError, // of the caller's function
    },
  });

  const schema = () => ({ type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'] });
  Object.assign(all, {
    compileResponseFormat: {
      args: () => [{ type: 'json', schema: schema() }],
      call: (...given) => api.compileResponseFormat(...given),
    },
    'compileResponseFormat (grammar)': {
      args: () => [{ type: 'grammar', grammar: 'root ::= "a"' }],
      call: (...given) => api.compileResponseFormat(...given),
    },
    CompiledFormat: {
      args: () => ['root ::= "a"', (given) => given],
      call: (...given) => new api.CompiledFormat(...given),
    },
    'CompiledFormat#parse': {
      args: () => ['{"a": 1}'],
      call: async (...given) => (await api.compileResponseFormat({ type: 'json', schema: schema() })).parse(...given),
    },
    'TextGenerator#generate (responseFormat)': {
      args: () => ['hello', { maxTokens: 20, responseFormat: { type: 'json', schema: schema() } }],
      call: (...given) => text.generate(...given),
    },
  });

  const generation = () => text.generate('hello', { maxTokens: 4 });
  const batch = () => text.batchGenerate(['a', 'b'], { maxTokens: 1 });
  for (const [name, make] of Object.entries({ Generation: generation, Batch: batch })) {
    Object.assign(all, {
      [`${name}#then`]: {
        args: () => [(x) => x, () => {}],
        call: (...given) => make().then(...given),
        allows: allowsOwn,
      },
      [`${name}#catch`]: { args: () => [() => {}], call: (...given) => make().catch(...given), allows: allowsOwn },
      [`${name}#finally`]: { args: () => [() => {}], call: (...given) => make().finally(...given), allows: allowsOwn },
      [`${name}#[Symbol.asyncIterator]`]: {
        args: () => [],
        call: (...given) =>
          make()
            [Symbol.asyncIterator](...given)
            .next(...given),
      },
      [`${name}#cancel`]: {
        args: () => [new Error('enough')],
        async call(reason) {
          const begun = make();
          begun.cancel(reason);
          await begun.catch((error) => {
            if (!Object.is(error, reason)) throw error;
          });
        },
      },
    });
  }
  all['Generation#drain'] = { args: () => [], call: (...given) => generation().drain(...given) };
  Object.assign(all, {
    Generation: {
      args: () => [
        async (control) => control.connect(() => {}),
        { signal: new AbortController().signal, onToken() {}, timeout: 1000 },
      ],
      call: (...given) => new Generation(...given),
      allows: allowsOwn,
    },
    Batch: {
      args: () => [
        () => ({ total: 2, concurrency: 1, run: async (i) => i, collect: (items) => items }),
        { signal: new AbortController().signal, onProgress() {} },
      ],
      call: (...given) => new Batch(...given),
      allows: allowsOwn,
    },
    'Batch (what the plan gives)': {
      args: () => [{ total: 1, concurrency: 1, run: async (i) => i, collect: (items) => items, close() {} }],
      call: (work) => new Batch(async () => work),
      inside: true,
      waits: true,
      allows: allowsOwn,
    },
  });

  all['TextGenerator#batchGenerate (configuration)'] = {
    args: () => [{ generation: { ...new Config().generation, maxTokens: 1 } }],
    call: (given) => new TextGenerator(manager, configured(given)).batchGenerate(['a']),
    inside: true,
  };
  all.inspectGguf = { args: () => [files.model], call: (...given) => api.inspectGguf(...given) };
  all.collectImportance = {
    args: () => [
      manager,
      {
        ...{ output: 'importance.gguf', texts: [files.config], images: [files.image], prompt: '?', chunk: 8 },
        ...{ maxChunks: 1, onProgress() {}, signal: new AbortController().signal },
      },
    ],
    call: (...given) => api.collectImportance(...given),
  };
  const recorded = () => ({
    ...{ version: 1, repository: 'a/b', revision: 'main', type: 'F32', bytes: 1, sha256: '0'.repeat(64) },
    ...{ sources: [], created: '2026-01-02' },
  });
  const installed = () => ({ file: files.model, name: 'a/b', type: 'F32', bytes: 1, record: recorded() });
  Object.assign(all, {
    knownModels: { args: () => [], call: (...given) => api.knownModels(...given) },
    resolveModel: { args: () => ['aica-5b@main'], call: (...given) => api.resolveModel(...given) },
    listModels: { args: () => ['.', { name: 'aica-5b', type: 'F16' }], call: (...given) => api.listModels(...given) },
    removeModel: { args: () => ['.', { file: 'none.gguf' }], call: (...given) => api.removeModel(...given) },
    verifyModel: {
      args: () => [installed(), { onProgress() {}, signal: new AbortController().signal }],
      call: (...given) => api.verifyModel(...given),
      allows: allowsOwn,
    },
  });
  all.convertCheckpoint = {
    args: () => [{ source: files.checkpoint, output: 'converted.gguf', type: 'F16', threads: 1, onProgress() {} }],
    call: (...given) => api.convertCheckpoint(...given),
  };
  all.rewriteModel = {
    args: () => [{ source: files.model, output: 'rewritten.gguf', visionType: 'Q8_0', threads: 1, onProgress() {} }],
    call: (...given) => api.rewriteModel(...given),
  };
  // The network is off (HF_HUB_OFFLINE), so the call as it should be finds its model in the cache.
  mkdirSync('pulled', { recursive: true });
  writeFileSync('pulled/odd--cached.F16.gguf', 'x');
  const pulled = {
    ...recorded(),
    repository: 'odd/cached',
    type: 'F16',
    sources: [{ file: 'a.gguf', size: 1, sha256: '0'.repeat(64) }],
  };
  writeFileSync('pulled/odd--cached.F16.gguf.json', JSON.stringify(pulled));
  all.pullModel = {
    args: () => [
      {
        ...{ model: 'odd/cached', type: 'F16', revision: 'main', file: 'a.gguf', token: 'hf_none', cacheDir: 'pulled' },
        ...{ force: false, threads: 1, onProgress() {}, signal: new AbortController().signal },
      },
    ],
    call: (...given) => api.pullModel(...given),
    allows: allowsOwn,
  };
  all.exportText = {
    args: () => [{ source: files.model, output: 'text.gguf', onProgress() {} }],
    call: (...given) => api.exportText(...given),
  };
  const { checkpoint } = files;
  const open = (name) => {
    const bytes = readFileSync(join(checkpoint, name));
    return { size: bytes.length, read: async (at, length) => bytes.subarray(at, at + length), close: async () => {} };
  };
  const source = () => ({
    location: checkpoint,
    list: async () => readdirSync(checkpoint),
    readText: async (name) => readFileSync(join(checkpoint, name), 'utf8'),
    open: async (name) => open(name),
  });
  const convert = (from) => api.convertCheckpoint({ source: from, output: 'converted.gguf', type: 'F16', threads: 1 });
  all['convertCheckpoint (files of the caller)'] = { args: () => [source()], call: convert };
  all['convertCheckpoint (what files of the caller give)'] = {
    inside: true,
    args: () => [{ names: undefined, text: undefined, first: undefined, bytes: undefined }],
    call: (given) =>
      convert({
        ...source(),
        list: async () => (given.names === undefined ? source().list() : given.names),
        readText: async (name) => (given.text === undefined ? source().readText(name) : given.text),
        open: async (name) => {
          const read = async (at, length) => (given.bytes === undefined ? open(name).read(at, length) : given.bytes);
          return given.first === undefined ? { ...open(name), read } : given.first;
        },
      }),
    waits: true,
  };
  return all;
}
