import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VISION_TASKS } from '../../lib/document/tasks.js';
import * as api from '../../lib/index.js';
import { TASK_DEFAULTS } from '../../lib/vision-tasks.js';

// The public contract as tables. A name that goes, a default that moves or a code that changes fails here; what is new
// needs a row. test/types holds the same for the types, test/addon/public-api.test.ts for what calls give.

interface Members {
  /** On the instance. */
  fields: string[];
  getters: string[];
  methods: string[];
}

const PROMISE = ['then', 'catch', 'finally'];

/** Every class with its members. */
const CLASSES: Record<string, Members> = {
  Config: {
    fields: ['model', 'quantization', 'generation', 'hardware', 'paths', 'network'],
    getters: [],
    methods: ['loadFromYaml', 'saveToYaml', 'printConfig', 'validate', 'clone', 'toJSON', 'toString'],
  },
  ModelManager: {
    fields: [],
    getters: ['config', 'lastError', 'model', 'processor', 'device', 'isLoaded'],
    methods: [
      ...['requireModel', 'loadModel', 'unloadModel', 'clearMemory', 'saveSession', 'loadSession', 'planMemory'],
      ...['getModelInfo', 'healthCheck'],
    ],
  },
  TextGenerator: {
    fields: ['config', 'manager'],
    getters: [],
    methods: ['generate', 'chatGenerate', 'batchGenerate'],
  },
  VisionGenerator: {
    fields: ['config', 'manager'],
    getters: [],
    methods: [
      ...['generateWithImage', 'describeImage', 'extractText', 'analyzeChart', 'analyzeTable', 'convertToMarkdown'],
      ...['answerVisualQuestion', 'runTask', 'batchAnalyzeImages', 'encodeImage'],
    ],
  },
  ConversationManager: {
    fields: ['maxHistory'],
    getters: ['conversationHistory', 'systemMessage'],
    methods: [
      ...['setSystemMessage', 'generateResponse', 'clearHistory', 'getHistorySummary', 'exportConversation'],
      'importConversation',
    ],
  },
  DocumentProcessor: {
    fields: [],
    getters: [],
    methods: ['processDocumentPage', 'processMultiPageDocument'],
  },
  Generation: { fields: [], getters: ['text', 'settled'], methods: ['cancel', 'drain', ...PROMISE] },
  CompiledFormat: { fields: ['grammar'], getters: [], methods: ['parse'] },
  Batch: { fields: [], getters: ['finished'], methods: ['cancel', ...PROMISE] },
};

const FUNCTIONS = [
  ...[
    'collectImportance',
    'convertCheckpoint',
    'getModelManager',
    'inspectGguf',
    'monitorPerformance',
    'retry',
    'safeGenerate',
  ],
  ...['exportText', 'pullModel', 'rewriteModel'],
  ...['compileResponseFormat', 'setupEnvironment', 'withModel'],
  ...['knownModels', 'listModels', 'removeModel', 'resolveModel', 'verifyModel'],
];

const ERRORS: Record<string, string> = {
  BackendError: 'ERR_BACKEND',
  CancelledError: 'ERR_CANCELLED',
  ClosedError: 'ERR_CLOSED',
  ConnectionError: 'ERR_CONNECTION',
  ContextFullError: 'ERR_CONTEXT_FULL',
  ImageDecodeError: 'ERR_IMAGE_DECODE',
  ImageLimitError: 'ERR_IMAGE_LIMIT',
  InternalError: 'ERR_INTERNAL',
  InvalidArgumentError: 'ERR_INVALID_OPTION',
  InvalidOptionError: 'ERR_INVALID_OPTION',
  IoError: 'ERR_IO',
  ModelFormatError: 'ERR_MODEL_FORMAT',
  ModelNotFoundError: 'ERR_MODEL_NOT_FOUND',
  ModelNotLoadedError: 'ERR_NOT_LOADED',
  ModelOutputError: 'ERR_MODEL_OUTPUT',
  ModelUnsupportedError: 'ERR_MODEL_UNSUPPORTED',
  NativeMissingError: 'ERR_NATIVE_MISSING',
  OutOfMemoryError: 'ERR_OUT_OF_MEMORY',
  TimeoutError: 'ERR_TIMEOUT',
};

/** Every section of the configuration with every default. */
const DEFAULTS = {
  model: {
    ...{ name: 'Bllossom/llama-3.2-Korean-Bllossom-AICA-5B', path: null, deviceMap: 'auto', torchDtype: 'bfloat16' },
    ...{ projector: null, ollamaGates: 'auto', ollamaHeads: 'auto' },
    ...{ lowCpuMemUsage: true, trustRemoteCode: false, crossRowMode: 'hf' },
  },
  quantization: {
    ...{ type: 'Q4_K_M', loadIn4bit: true, loadIn8bit: false, bnb4bitQuantType: 'nf4' },
    ...{ bnb4bitComputeDtype: 'bfloat16', bnb4bitUseDoubleQuant: true },
  },
  generation: { maxTokens: 256, temperature: 0.7, doSample: true, topP: 0.9, topK: 50, repetitionPenalty: 1.1 },
  hardware: {
    ...{ targetGpu: null, targetVramGb: 8, useCpuOffload: false, maxMemoryUsage: 0.9, gpuLayers: 'auto' },
    ...{ threads: null, contextSize: null, maxBatchSize: null, maxImages: null, kvCacheType: 'f16' },
  },
  paths: { cacheDir: './model_cache', logDir: './logs', outputDir: './outputs', configFile: './config.yaml' },
  network: { allowImageUrls: true, allowPrivateAddresses: false, timeout: 10, maxRedirects: 3, offline: false },
};

const EXPORTS: Record<string, unknown> = { ...api };

function classNamed(name: string): { prototype: object; new (...args: never[]): object } {
  return EXPORTS[name] as { prototype: object; new (...args: never[]): object };
}

/** How the instances of a class are made. */
const INSTANCES: Record<string, () => object> = {
  Config: () => new api.Config(),
  ModelManager: () => new api.ModelManager(),
  TextGenerator: () => new api.TextGenerator(new api.ModelManager()),
  VisionGenerator: () => new api.VisionGenerator(new api.ModelManager()),
  ConversationManager: () => new api.ConversationManager(new api.TextGenerator(new api.ModelManager())),
  DocumentProcessor: () => new api.DocumentProcessor(new api.VisionGenerator(new api.ModelManager())),
  Generation: () => new api.Generation(async () => 1),
  CompiledFormat: () => new api.CompiledFormat('root ::= "a"', (text) => text),
  Batch: () => new api.Batch(() => ({ total: 0, concurrency: 1, run: async (i) => i, collect: (items) => items })),
};

describe('the exports', () => {
  it('are those of the tables', () => {
    const known = [...Object.keys(CLASSES), ...Object.keys(ERRORS), ...FUNCTIONS];
    const constants = ['BllossomError', 'CONVERSION_TYPES', 'ERROR_CODES', 'VISION_TYPES'];
    expect(Object.keys(EXPORTS).sort()).toEqual([...known, ...constants].sort());
    for (const name of FUNCTIONS) expect(EXPORTS[name], name).toBeInstanceOf(Function);
  });

  it.each(Object.entries(CLASSES))('%s has its members, and no other', (name, { fields, getters, methods }) => {
    const own = Object.entries(Object.getOwnPropertyDescriptors(classNamed(name).prototype));
    const isNamed = ([key]: [string, PropertyDescriptor]) => key !== 'constructor';
    const seen = own.filter(isNamed).map(([key, { get }]) => [get === undefined ? 'method' : 'getter', key]);
    const expected = [...getters.map((key) => ['getter', key]), ...methods.map((key) => ['method', key])];
    expect(seen.sort()).toEqual(expected.sort());
    expect(Object.keys(INSTANCES[name]?.() ?? {}).sort()).toEqual([...fields].sort());
  });

  it.each(['Generation', 'Batch'])('%s can be awaited and iterated', (name) => {
    expect(Reflect.get(classNamed(name).prototype, Symbol.asyncIterator)).toBeInstanceOf(Function);
  });

  it('offer the types of the converter', () => {
    expect(api.CONVERSION_TYPES).toEqual(expect.arrayContaining(['Q4_K_M', 'Q8_0', 'BF16', 'F16', 'F32']));
  });
});

describe('the errors', () => {
  it.each(Object.entries(ERRORS))('%s has the code %s', (name, code) => {
    const error = new (EXPORTS[name] as typeof api.IoError)('what failed', { cause: 'why' });
    expect(error).toBeInstanceOf(api.BllossomError);
    expect(error).toBeInstanceOf(Error);
    expect([error.code, error.message, error.cause]).toEqual([code, 'what failed', 'why']);
  });

  it('have every code', () => {
    expect([...new Set(Object.values(ERRORS))].sort()).toEqual([...api.ERROR_CODES].sort());
  });
});

describe('the configuration', () => {
  it('has every section, key and default', () => {
    expect({ ...new api.Config() }).toEqual(DEFAULTS);
  });

  it('is read, written and printed at once, without promises', () => {
    expect(new api.Config().validate()).toBeUndefined();
    expect(new api.Config().toString()).toContain('maxTokens: 256');
  });

  it('can be extended', () => {
    class MyConfig extends api.Config {
      setCreativeMode(): void {
        this.generation.temperature = 1.2;
      }
    }
    const config = new MyConfig();
    config.setCreativeMode();
    expect(new api.ModelManager(config).config.generation.temperature).toBe(1.2);
  });
});

describe('the conversation', () => {
  const conversation = () => new api.ConversationManager(new api.TextGenerator(new api.ModelManager()));

  it('remembers ten turns unless it is told otherwise', () => {
    expect(conversation().maxHistory).toBe(10);
    const generator = new api.TextGenerator(new api.ModelManager());
    expect(new api.ConversationManager(generator, { maxHistory: 3 }).maxHistory).toBe(3);
  });

  it('begins empty', () => {
    expect(conversation().conversationHistory).toEqual([]);
    expect(conversation().systemMessage).toBeNull();
    expect(conversation().getHistorySummary()).toEqual({
      ...{ totalMessages: 0, userMessages: 0, assistantMessages: 0, systemMessage: null, latestMessages: [] },
    });
  });

  it('has one system message at a time', () => {
    const own = conversation();
    own.setSystemMessage('짧게 답해 주세요.');
    expect(own.getHistorySummary().systemMessage).toBe('짧게 답해 주세요.');
    own.setSystemMessage(null);
    expect(own.systemMessage).toBeNull();
  });
});

describe('a retry', () => {
  it('is made three times unless it is told otherwise', async () => {
    let tries = 0;
    const work = () => {
      tries++;
      throw new api.OutOfMemoryError('full');
    };
    await expect(api.retry(work, { retryDelay: 0 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY', attempts: 4 });
    expect(tries).toBe(4);
  });
});

describe('measuring', () => {
  it('adds time, memory and name', async () => {
    const read = api.monitorPerformance(async function reading(page: number) {
      return { page };
    });
    expect(await read(3)).toEqual({
      page: 3,
      performance: {
        executionTime: expect.any(Number),
        memoryUsed: expect.any(Number),
        functionName: 'reading',
      },
    });
  });
});

describe('the tasks of the document processor', () => {
  it('are four, each of them one of the vision generator', () => {
    expect(VISION_TASKS).toEqual({ extract: 'ocr', summarize: 'summarize', markdown: 'markdown', table: 'table' });
  });
});

describe('the tasks of the vision generator', () => {
  it('have their limits', () => {
    expect(TASK_DEFAULTS).toEqual({
      describe: { maxTokens: 200, temperature: 0.1 },
      ocr: { maxTokens: 300, temperature: 0, promptLookup: 15, repetitionPenalty: 1 },
      chart: { maxTokens: 300, temperature: 0.1, repetitionPenalty: 1 },
      table: { maxTokens: 400, temperature: 0.1, promptLookup: 15, repetitionPenalty: 1 },
      markdown: { maxTokens: 500, temperature: 0, promptLookup: 15, repetitionPenalty: 1 },
      summarize: { maxTokens: 400, temperature: 0.1 },
      question: { maxTokens: 250, temperature: 0.1 },
    });
  });
});

/** The text of declarations without comments and strings, which may speak of any. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, ' ');
}

const hasAny = (text: string) => /\bany\b/.test(codeOf(text));

/** The declarations of dist/ that can be reached from a file. */
function reachable(file: string, seen = new Map<string, string>()): Map<string, string> {
  if (seen.has(file)) return seen;
  const text = readFileSync(file, 'utf8');
  seen.set(file, text);
  for (const [, specifier = ''] of text.matchAll(/(?:from |import\(|import )['"](\.[^'"]+)['"]/g)) {
    reachable(join(dirname(file), specifier.replace(/js$/, 'd.ts')), seen);
  }
  return seen;
}

describe('the declarations', () => {
  it('hold no any', () => {
    const files = reachable('dist/index.d.ts');
    expect(files.size).toBeGreaterThan(15);
    expect([...files].filter(([, text]) => hasAny(text)).map(([file]) => file)).toEqual([]);
  });

  it('would show one', () => {
    expect(hasAny('export declare function f(x: any): void;')).toBe(true);
    expect(hasAny('export type T = Record<string, any[]>;')).toBe(true);
    expect(hasAny('/** any */ export declare const x: "any" | \'any\'; // any\n')).toBe(false);
    expect(hasAny('export declare const many: number;')).toBe(false);
  });
});
