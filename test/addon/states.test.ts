import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConversationManager } from '../../lib/conversation-manager.js';
import { DocumentProcessor } from '../../lib/document-processor.js';
import { BllossomError } from '../../lib/errors.js';
import type { Generation } from '../../lib/generation.js';
import type { SessionContents } from '../../lib/index.js';
import { type LoadedModel, ModelManager } from '../../lib/model-manager.js';
import type { GenerationResult } from '../../lib/run-generation.js';
import { safeGenerate } from '../../lib/safe-generate.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { withModel } from '../../lib/with-model.js';
import { loadedManager, temporaryFolder, tinyImages } from '../support/model.js';

interface Situation {
  manager: ModelManager;
  /** A model that is or was this manager's. */
  held: LoadedModel;
  /** Settles when what made the state has ended. */
  pending: PromiseLike<unknown>;
}

type State = 'not loaded' | 'loading' | 'idle' | 'generating' | 'unloading' | 'closed';
type Outcomes = Record<State, unknown>;

/** Each brings a manager into a state. */
const STATES: Record<State, () => Promise<Situation>> = {
  async 'not loaded'() {
    const { manager, held } = await idle();
    await manager.unloadModel();
    return { manager: new ModelManager(manager.config), held, pending: Promise.resolve() };
  },
  async loading() {
    const { manager, held } = await idle();
    await manager.unloadModel();
    return { manager, held, pending: manager.loadModel() };
  },
  idle,
  async generating() {
    const { manager, held } = await idle();
    const { open } = await begun(manager);
    return { manager, held, pending: open.catch(() => {}) };
  },
  async unloading() {
    const { manager, held } = await idle();
    const pending = manager.unloadModel();
    await null; // it begins with the next turn
    return { manager, held, pending };
  },
  async closed() {
    const { manager, held } = await idle();
    await manager.unloadModel();
    return { manager, held, pending: Promise.resolve() };
  },
};

async function idle(): Promise<Situation> {
  const manager = await loadedManager();
  return { manager, held: manager.requireModel(), pending: Promise.resolve() };
}

/** Options of an answer that no stop token ends. */
function endless(manager: ModelManager): { maxTokens: number; logitBias: Record<number, number> } {
  const { stopTokens } = manager.requireModel().info;
  const logitBias = Object.fromEntries(stopTokens.map((token) => [token, Number.NEGATIVE_INFINITY]));
  return { maxTokens: 300, logitBias };
}

/** A long generation that has given its first piece; in an object, for it would be awaited itself. */
async function begun(manager: ModelManager): Promise<{ open: Generation<GenerationResult> }> {
  const open = new TextGenerator(manager).generate('hello', endless(manager));
  await open[Symbol.asyncIterator]().next();
  return { open };
}

const all = (outcome: unknown): Outcomes => ({
  ...{ 'not loaded': outcome, loading: outcome, idle: outcome },
  ...{ generating: outcome, unloading: outcome, closed: outcome },
});
/** One outcome while a model is there, another while none is. */
const whether = (loaded: unknown, missing: unknown): Outcomes => ({
  ...all(missing),
  ...{ idle: loaded, generating: loaded },
});

/** What needs the vocabulary of a model that was kept. */
const HELD: Outcomes = { ...whether(true, 'ERR_CLOSED'), unloading: 'ERR_NOT_LOADED' };

const OPTIONS = { maxTokens: 2, temperature: 0 };
const text = ({ manager }: Situation) => new TextGenerator(manager);
const vision = ({ manager }: Situation) => new VisionGenerator(manager);
const documents = (situation: Situation) => new DocumentProcessor(vision(situation));
const image = () => tinyImages()[0] as string;
const HELLO = [{ role: 'user', content: 'hello' }];
const answers = async (result: PromiseLike<{ success: boolean }>) => ((await result).success ? 'answers' : 'fails');
const items = async (batch: PromiseLike<readonly ({ success: true } | { success: false; error: Error })[]>) =>
  (await batch).map((item) => (item.success ? 'answers' : (item.error as BllossomError).code));

/** A session of the tiny model. */
let session: string;
beforeAll(async () => {
  const { manager } = await idle();
  session = newFile();
  await manager.saveSession(session);
  await manager.unloadModel();
});
let files = 0;
const newFile = () => join(temporaryFolder(), `session-${files++}`);
const sessionOf = async (counts: Promise<SessionContents>) => ((await counts).prompts >= 0 ? 'session' : 'none');

type Operation = (situation: Situation) => unknown;

/** What every operation does in every state; the docstring of ModelManager says the same. */
const TABLE: [name: string, run: Operation, outcomes: Outcomes][] = [
  ['loadModel', ({ manager }) => manager.loadModel(), all(true)],
  ['unloadModel', ({ manager }) => manager.unloadModel(), all(undefined)],
  ['clearMemory', ({ manager }) => manager.clearMemory(), all(undefined)],
  ['saveSession', ({ manager }) => sessionOf(manager.saveSession(newFile())), whether('session', 'ERR_NOT_LOADED')],
  ['loadSession', ({ manager }) => sessionOf(manager.loadSession(session)), whether('session', 'ERR_NOT_LOADED')],
  ['healthCheck', ({ manager }) => manager.healthCheck(), whether(true, false)],
  ['planMemory', async ({ manager }) => (await manager.planMemory()).weights > 0, all(true)],
  ['isLoaded', ({ manager }) => manager.isLoaded, whether(true, false)],
  ['getModelInfo', ({ manager }) => manager.getModelInfo().status, whether('loaded', 'not_loaded')],
  ['model', ({ manager }) => manager.model !== null, whether(true, false)],
  ['processor', ({ manager }) => manager.processor !== null, whether(true, false)],
  ['device', ({ manager }) => manager.device, whether('cpu', null)],
  ['requireModel', ({ manager }) => manager.requireModel() !== null, whether(true, 'ERR_NOT_LOADED')],
  ['generate', (s) => answers(text(s).generate('hello', OPTIONS)), whether('answers', 'ERR_NOT_LOADED')],
  ['chatGenerate', (s) => answers(text(s).chatGenerate(HELLO, OPTIONS)), whether('answers', 'ERR_NOT_LOADED')],
  [
    'batchGenerate',
    (s) => items(text(s).batchGenerate(['a', 'b'], OPTIONS)),
    whether(['answers', 'answers'], ['ERR_NOT_LOADED', 'ERR_NOT_LOADED']),
  ],
  [
    'generateWithImage',
    (s) => answers(vision(s).generateWithImage(image(), '?', OPTIONS)),
    whether('answers', 'ERR_NOT_LOADED'),
  ],
  [
    'encodeImage',
    async (s) => (await vision(s).encodeImage(image()))[Symbol.asyncDispose](),
    whether(undefined, 'ERR_NOT_LOADED'),
  ],
  [
    'batchAnalyzeImages',
    (s) => items(vision(s).batchAnalyzeImages([image()], '?', OPTIONS)),
    whether(['answers'], ['ERR_NOT_LOADED']),
  ],
  [
    'a document page',
    (s) => answers(documents(s).processDocumentPage(image(), 'extract', OPTIONS)),
    whether('answers', 'ERR_NOT_LOADED'),
  ],
  [
    'a document of several pages',
    (s) => answers(documents(s).processMultiPageDocument([image(), image()], 'extract', OPTIONS)),
    whether('answers', 'ERR_NOT_LOADED'),
  ],
  [
    'a turn of a conversation',
    (s) => answers(new ConversationManager(text(s)).generateResponse('hello', OPTIONS)),
    whether('answers', 'ERR_NOT_LOADED'),
  ],
  [
    'safeGenerate',
    (s) => answers(safeGenerate(text(s), 'hello', { ...OPTIONS, retryDelay: 0 })),
    whether('answers', 'ERR_NOT_LOADED'),
  ],
  [
    'withModel',
    ({ manager }) => withModel(manager, (own) => answers(new TextGenerator(own).generate('hello', OPTIONS))),
    all('answers'),
  ],
  // A processor that was kept: what needs the vocabulary is closed with the model, the rest goes on.
  ['tokenize', ({ held }) => held.processor.tokenize('a').length > 0, HELD],
  ['detokenize', ({ held }) => held.processor.detokenize([1]).length > 0, HELD],
  ['applyChatTemplate', ({ held }) => held.processor.applyChatTemplate(HELLO).length > 0, all(true)],
  ['prepareImage', async ({ held }) => (await held.processor.prepareImage(image())).tileCount > 0, all(true)],
];

async function outcome(run: Operation, situation: Situation): Promise<unknown> {
  try {
    return await run(situation);
  } catch (error) {
    return error instanceof BllossomError ? error.code : error;
  }
}

describe.each(TABLE)('%s', (_, run, outcomes) => {
  it.each(Object.keys(STATES) as State[])('while %s', async (state) => {
    const situation = await STATES[state]();
    const { manager, pending } = situation;
    const [seen] = await Promise.all([outcome(run, situation), pending]);
    expect(seen).toEqual(outcomes[state]);
    // Whatever happened, the manager works afterwards.
    expect(await manager.loadModel()).toBe(true);
    expect(await answers(text(situation).generate('hello', OPTIONS))).toBe('answers');
    await manager.unloadModel();
    expect(manager.isLoaded).toBe(false);
  });
});

describe('what is under way when the model is unloaded', () => {
  it('a loading ends with false, and ClosedError in lastError', async () => {
    const { manager } = await idle();
    await manager.unloadModel();
    const loading = manager.loadModel();
    await manager.unloadModel();
    expect([await loading, manager.isLoaded]).toEqual([false, false]);
    expect(manager.lastError).toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('a generation rejects with ClosedError', async () => {
    const { manager } = await idle();
    const { open } = await begun(manager);
    await manager.unloadModel();
    await expect(open).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('an encoding rejects with ClosedError, or that no model is there', async () => {
    const { manager } = await idle();
    const encoding = new VisionGenerator(manager).encodeImage(image());
    const seen = expect(encoding).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(CLOSED|NOT_LOADED)$/) });
    await Promise.all([manager.unloadModel(), seen]);
  });

  it('a batch has its open items as failures', async () => {
    const { manager } = await idle();
    const batch = new TextGenerator(manager).batchGenerate(['a', 'b'], endless(manager));
    await turn();
    await manager.unloadModel();
    expect(await items(batch)).toEqual(['ERR_CLOSED', 'ERR_CLOSED']);
  });
});
