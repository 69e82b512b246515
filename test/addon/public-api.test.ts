import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as api from '../../lib/index.js';
import { TASK_PROMPTS } from '../../lib/vision-tasks.js';
import { loadedManager, temporaryFolder, tinyImages } from '../support/model.js';

// What the calls of the public API give, on a tiny model. The names are in test/unit/public-api.test.ts.

let manager: api.ModelManager;
let text: api.TextGenerator;
let vision: api.VisionGenerator;
beforeAll(async () => {
  manager = await loadedManager();
  text = new api.TextGenerator(manager);
  vision = new api.VisionGenerator(manager);
});
afterAll(() => manager.unloadModel());

const SHORT = { maxTokens: 3, seed: 1 };
const image = () => tinyImages()[0] as string;
const any = { number: expect.any(Number), text: expect.any(String) };

/** The tiny model babbles to the limit otherwise. */
const STOPS = ['a', 'e', 'i', 'o', 'u', 't', 'n', ' '];

const RESULT = {
  success: true,
  response: any.text,
  parsed: undefined,
  fullResponse: any.text,
  generationTime: any.number,
  inputTokens: any.number,
  cachedTokens: any.number,
  outputTokens: any.number,
  tokensPerSecond: any.number,
  timeToFirstToken: any.number,
  promptTokensPerSecond: any.number,
  decodeTokensPerSecond: any.number,
  imageEncodeTime: any.number,
  imageSizes: expect.any(Array),
  finishReason: expect.stringMatching(/^(stop|length)$/),
  seed: any.number,
  parameters: expect.any(Object),
  logprobs: null,
};
const VISION_RESULT = { ...RESULT, imageSize: [any.number, any.number] };

describe('the manager', () => {
  it('describes the model', () => {
    expect(manager.getModelInfo()).toEqual({
      status: 'loaded',
      modelName: any.text,
      device: 'cpu',
      quantization: 'F32',
      vramAllocated: any.number,
      vramTotal: any.number,
      ramAllocated: any.number,
      architecture: {
        ...{ parameters: any.number, layers: any.number, crossLayers: any.number, embeddingSize: any.number },
        ...{ vocabSize: any.number, contextSize: any.number, contextTrain: any.number, threads: 1 },
        ...{ tileSize: any.number, maxTiles: any.number, aspectRatios: expect.any(Array) },
      },
    });
    expect([manager.isLoaded, manager.device, manager.lastError]).toEqual([true, 'cpu', null]);
  });

  it('is one for the process, and own ones beside it', () => {
    expect(api.getModelManager()).toBe(api.getModelManager());
    expect(api.getModelManager()).not.toBe(manager);
  });

  it('withModel loads, lends and frees', async () => {
    const used = await api.withModel(manager.config.clone(), async (own) => {
      expect(own.isLoaded).toBe(true);
      const { success } = await new api.TextGenerator(own).generate('hello', SHORT);
      return { own, success };
    });
    expect([used.success, used.own.isLoaded]).toEqual([true, false]);
  });

  it('withModel frees when the function throws, and passes on what it threw', async () => {
    const mine = new Error('mine');
    let seen: api.ModelManager | undefined;
    const work = api.withModel(manager.config.clone(), (own) => {
      seen = own;
      throw mine;
    });
    await expect(work).rejects.toBe(mine);
    expect(seen?.isLoaded).toBe(false);
  });

  it('setupEnvironment sets what is unset, and says what', () => {
    const before = { ...process.env };
    try {
      delete process.env.HF_HOME;
      process.env.HF_HUB_CACHE = '/kept';
      const set = api.setupEnvironment();
      expect(set.HF_HOME).toBe(process.env.HF_HOME);
      expect([set.HF_HUB_CACHE, process.env.HF_HUB_CACHE]).toEqual([undefined, '/kept']);
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });

  it('says false and why when loading fails', async () => {
    const own = new api.ModelManager();
    own.config.model.path = join(temporaryFolder(), 'none.gguf');
    expect(await own.loadModel()).toBe(false);
    expect(own.lastError).toBeInstanceOf(api.ModelNotFoundError);
  });

  it('has a processor that tokenizes, detokenizes, applies the template and cuts images', async () => {
    const { processor } = manager.requireModel();
    const tokens = processor.tokenize('안녕하세요');
    expect(tokens).toBeInstanceOf(Int32Array);
    expect(processor.detokenize(tokens)).toBe('안녕하세요');
    expect(processor.applyChatTemplate([{ role: 'user', content: 'hello' }])).toBeInstanceOf(Array);
    expect(await processor.prepareImage(image())).toMatchObject({ width: any.number, height: any.number });
  });
});

describe('text', () => {
  it('generate gives a generation, and it the whole result', async () => {
    const generation = text.generate('hello', SHORT);
    expect(generation).toBeInstanceOf(api.Generation);
    expect(await generation).toEqual(RESULT);
  });

  it('every sampling option counts and is told', async () => {
    const options = {
      ...{ maxTokens: 2, temperature: 0.5, topP: 0.8, topK: 7, minP: 0.1, repetitionPenalty: 1.2, doSample: true },
      ...{
        frequencyPenalty: 0.1,
        presencePenalty: 0.2,
        seed: 9,
        stop: ['zzz'],
        logitBias: { 5: 1 },
        logprobs: 1,
        reusePrompt: true,
        promptLookup: 1,
      },
    };
    const { parameters } = await text.generate('hello', { ...options, systemMessage: 'be brief' });
    expect(parameters).toEqual(options);
  });

  it('takes from the configuration what a call leaves out', async () => {
    const { parameters } = await text.generate('hello', { stop: STOPS });
    const defaults = { maxTokens: 256, temperature: 0.7, doSample: true, topP: 0.9, topK: 50, repetitionPenalty: 1.1 };
    expect(parameters).toMatchObject(defaults);
    const config = new api.Config();
    Object.assign(config.generation, { maxTokens: 2, topK: 3 });
    const own = await new api.TextGenerator(manager, config).generate('hello');
    expect(own.parameters).toMatchObject({ maxTokens: 2, topK: 3, temperature: 0.7 });
  });

  it('honours an explicit temperature of 0', async () => {
    const { parameters } = await text.generate('hello', { ...SHORT, temperature: 0 });
    expect(parameters).toMatchObject({ temperature: 0, doSample: false });
  });

  it.each([0, 2])('takes a temperature of %d, the end of its range', async (temperature) => {
    expect((await text.generate('hello', { ...SHORT, temperature })).success).toBe(true);
  });

  it('chatGenerate takes roles, and images in the messages', async () => {
    const content = [{ type: 'image', image: image() } as const, { type: 'text', text: '?' } as const];
    const messages = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'hi' },
      { role: 'user', content },
    ];
    const result = await text.chatGenerate(messages, SHORT);
    expect(result).toEqual({ ...RESULT, imageSizes: [[any.number, any.number]] });
  });

  it('batchGenerate keeps the order, and a failed item loses no other', async () => {
    const batch = text.batchGenerate(['one', '', 'three'], SHORT);
    expect(batch).toBeInstanceOf(api.Batch);
    expect(await batch).toEqual([
      { ...RESULT, index: 0 },
      { success: false, index: 1, error: expect.any(api.InvalidArgumentError) },
      { ...RESULT, index: 2 },
    ]);
  });
});

describe('images', () => {
  const TASKS: [string, () => PromiseLike<api.VisionResult>, { maxTokens: number; temperature: number }][] = [
    ['describeImage', () => vision.describeImage(image(), { stop: STOPS }), { maxTokens: 200, temperature: 0.1 }],
    ['extractText', () => vision.extractText(image(), { stop: STOPS }), { maxTokens: 300, temperature: 0 }],
    ['analyzeChart', () => vision.analyzeChart(image(), { stop: STOPS }), { maxTokens: 300, temperature: 0.1 }],
    ['analyzeTable', () => vision.analyzeTable(image(), { stop: STOPS }), { maxTokens: 400, temperature: 0.1 }],
    ['convertToMarkdown', () => vision.convertToMarkdown(image(), { stop: STOPS }), { maxTokens: 500, temperature: 0 }],
    [
      'answerVisualQuestion',
      () => vision.answerVisualQuestion(image(), '?', { stop: STOPS }),
      { maxTokens: 250, temperature: 0.1 },
    ],
  ];
  it.each(TASKS)('%s has its limits, and gives the size of the image', async (_, run, limits) => {
    const result = await run();
    expect(result).toEqual(VISION_RESULT);
    expect(result.parameters).toMatchObject(limits);
  });

  it('the caller goes before the limits of a task', async () => {
    const { parameters } = await vision.extractText(image(), { maxTokens: 2, temperature: 0.5 });
    expect(parameters).toMatchObject({ maxTokens: 2, temperature: 0.5 });
  });

  it('generateWithImage takes its limits from the configuration', async () => {
    const { parameters, ...result } = await vision.generateWithImage(image(), '?', { stop: STOPS, preprocess: true });
    expect({ ...result, parameters }).toEqual(VISION_RESULT);
    expect(parameters).toMatchObject({ maxTokens: 256, temperature: 0.7 });
  });

  it('batchAnalyzeImages keeps the order, and a failed item loses no other', async () => {
    expect(await vision.batchAnalyzeImages([image(), '/nowhere.png'], '?', SHORT)).toEqual([
      { ...VISION_RESULT, index: 0 },
      { success: false, index: 1, error: expect.any(api.IoError) },
    ]);
  });
});

describe('documents', () => {
  const documents = () => new api.DocumentProcessor(vision);
  const PAGE = { ...VISION_RESULT, task: 'extract' };
  const TASKS: [api.DocumentTask, api.VisionTask, { maxTokens: number; temperature: number }][] = [
    ['extract', 'ocr', { maxTokens: 300, temperature: 0 }],
    ['summarize', 'summarize', { maxTokens: 400, temperature: 0.1 }],
    ['markdown', 'markdown', { maxTokens: 500, temperature: 0 }],
    ['table', 'table', { maxTokens: 400, temperature: 0.1 }],
  ];

  it.each(TASKS)('processDocumentPage answers "%s" as "%s", with its limits', async (task, visionTask, limits) => {
    const generation = documents().processDocumentPage(image(), task, { stop: STOPS });
    expect(generation).toBeInstanceOf(api.Generation);
    const result = await generation;
    expect(result).toEqual(VISION_RESULT);
    expect(result.parameters).toMatchObject(limits);
    expect(result.fullResponse).toContain(TASK_PROMPTS.ko[visionTask]);
  });

  it('processDocumentPage extracts unless it is told otherwise', async () => {
    const { fullResponse } = await documents().processDocumentPage(image(), undefined, SHORT);
    expect(fullResponse).toContain(TASK_PROMPTS.ko.ocr);
  });

  it('processMultiPageDocument gives every page, and extracts unless it is told otherwise', async () => {
    const batch = documents().processMultiPageDocument([image(), image()], undefined, SHORT);
    expect(batch).toBeInstanceOf(api.Batch);
    expect(await batch).toEqual({
      success: true,
      pageResults: [
        { ...PAGE, pageNumber: 1 },
        { ...PAGE, pageNumber: 2 },
      ],
      combinedContent: any.text,
      totalPages: 2,
      successfulPages: 2,
    });
  });

  it('processMultiPageDocument succeeds only when every page does', async () => {
    const result = await documents().processMultiPageDocument([image(), '/nowhere.png'], 'extract', SHORT);
    expect(result).toEqual({
      success: false,
      pageResults: [
        { ...PAGE, pageNumber: 1 },
        { success: false, pageNumber: 2, error: expect.any(api.IoError) },
      ],
      combinedContent: any.text,
      totalPages: 2,
      successfulPages: 1,
    });
  });

  it('processMultiPageDocument tells its progress, of the pages asked for', async () => {
    const told: api.DocumentProgress[] = [];
    const options = { ...SHORT, pages: '2-', onProgress: (progress: api.DocumentProgress) => told.push(progress) };
    await documents().processMultiPageDocument([image(), image()], 'extract', options);
    expect(told).toEqual([{ page: 2, done: 1, total: 1 }]);
  });
});

describe('conversations', () => {
  it('remember, sum up, export and forget', async () => {
    const conversation = new api.ConversationManager(text, { maxHistory: 2 });
    conversation.setSystemMessage('be brief');
    for (const input of ['one', 'two', 'three']) {
      expect(await conversation.generateResponse(input, SHORT)).toEqual({ ...RESULT, droppedTurns: any.number });
    }
    expect(conversation.conversationHistory.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
    ]);
    expect(conversation.getHistorySummary()).toEqual({
      ...{ totalMessages: 4, userMessages: 2, assistantMessages: 2, systemMessage: 'be brief' },
      latestMessages: conversation.conversationHistory,
    });
    const file = await conversation.exportConversation(join(temporaryFolder(), 'talk.json'));
    expect(existsSync(file)).toBe(true);
    conversation.clearHistory();
    expect(conversation.getHistorySummary()).toMatchObject({ totalMessages: 0, systemMessage: 'be brief' });
  });
});

describe('patterns', () => {
  it('safeGenerate gives the result of generate', async () => {
    expect(await api.safeGenerate(text, 'hello', SHORT)).toEqual(RESULT);
  });

  it('monitorPerformance adds what a generation cost', async () => {
    const measured = api.monitorPerformance((prompt: string) => text.generate(prompt, SHORT));
    const performance = { executionTime: any.number, memoryUsed: any.number, functionName: any.text };
    expect(await measured('hello')).toEqual({ ...RESULT, performance });
  });

  it('many callers at once are simply answered', async () => {
    const results = await Promise.all(Array.from({ length: 12 }, (_, i) => text.generate(`${i}`, SHORT)));
    expect(results.every(({ success }) => success)).toBe(true);
  });
});
