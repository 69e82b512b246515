import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ConversationManager } from '../../lib/conversation-manager.js';
import { TimeoutError } from '../../lib/errors.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { monitorPerformance } from '../../lib/monitor-performance.js';
import { safeGenerate } from '../../lib/safe-generate.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { ENDLESS, endless, loadedManager, tinyImages } from '../support/model.js';

let manager: ModelManager;
let text: TextGenerator;
let vision: VisionGenerator;
beforeAll(async () => {
  manager = await loadedManager();
  text = new TextGenerator(manager);
  vision = new VisionGenerator(manager);
});
afterAll(() => manager.unloadModel());

const image = () => tinyImages()[0] as string;
const stillWorks = async () => expect((await text.generate('still there?', { maxTokens: 3 })).success).toBe(true);

const warned = vi.fn();
process.on('warning', warned);
afterEach(() => expect(warned).not.toHaveBeenCalled());

describe('sampling of a model that speaks in words', () => {
  let speaker: ModelManager;
  let generator: TextGenerator;
  beforeAll(async () => {
    speaker = await loadedManager((config) => {
      config.model.path = ENDLESS;
    });
    generator = new TextGenerator(speaker);
  });
  afterAll(() => speaker.unloadModel());
  const answer = async (options: object) =>
    (await generator.generate('안녕하세요?', { maxTokens: 24, ...options })).response;

  it('temperature 0 gives the same twice, whatever the seed', async () => {
    const [a, b] = [await answer({ temperature: 0, seed: 1 }), await answer({ temperature: 0, seed: 2 })];
    expect(b).toBe(a);
    expect(a).not.toBe('');
  });

  it('the same seed gives the same, another one something else', async () => {
    const hot = { temperature: 1.5, topK: 0, topP: 1 };
    const first = await answer({ ...hot, seed: 1 });
    expect(await answer({ ...hot, seed: 1 })).toBe(first);
    expect(await answer({ ...hot, seed: 2 })).not.toBe(first);
  });

  it('without a seed no two answers are the same', async () => {
    const hot = { temperature: 1.5, topK: 0, topP: 1 };
    expect(await answer(hot)).not.toBe(await answer(hot));
  });

  it('doSample false is greedy at any temperature', async () => {
    expect(await answer({ doSample: false, temperature: 2 })).toBe(await answer({ temperature: 0 }));
  });

  it('ends at the first of several stop texts, also one that spans tokens', async () => {
    const whole = await answer({ temperature: 0 });
    const middle = [...whole].slice(6, 9).join('');
    const cut = await generator.generate('안녕하세요?', { maxTokens: 24, temperature: 0, stop: ['\0never', middle] });
    expect(cut.response).toBe(whole.slice(0, whole.indexOf(middle)));
    expect([cut.finishReason, cut.parameters.stop]).toEqual(['stop', ['\0never', middle]]);
  });
});

/** Everything that takes a signal, on a work that takes long. */
const long = () => {
  const { stopTokens } = manager.requireModel().info;
  const logitBias = Object.fromEntries(stopTokens.map((token) => [token, Number.NEGATIVE_INFINITY]));
  return { maxTokens: 3000, temperature: 2, logitBias };
};
const methods: [string, (options: { signal?: AbortSignal; timeout?: number }) => PromiseLike<unknown>][] = [
  ['generate', (options) => text.generate('x', { ...long(), ...options })],
  ['chatGenerate', (options) => text.chatGenerate([{ role: 'user', content: 'x' }], { ...long(), ...options })],
  ['generateWithImage', (options) => vision.generateWithImage(image(), 'x', { ...long(), ...options })],
  ['describeImage', (options) => vision.describeImage(image(), { ...long(), ...options })],
  ['extractText', (options) => vision.extractText(image(), { ...long(), ...options })],
  ['analyzeChart', (options) => vision.analyzeChart(image(), { ...long(), ...options })],
  ['analyzeTable', (options) => vision.analyzeTable(image(), { ...long(), ...options })],
  ['convertToMarkdown', (options) => vision.convertToMarkdown(image(), { ...long(), ...options })],
  ['answerVisualQuestion', (options) => vision.answerVisualQuestion(image(), 'x', { ...long(), ...options })],
  ['generateResponse', (options) => new ConversationManager(text).generateResponse('x', { ...long(), ...options })],
];
const batches: typeof methods = [
  ['batchGenerate', (options) => text.batchGenerate(['x', 'y'], { ...long(), ...options })],
  ['batchAnalyzeImages', (options) => vision.batchAnalyzeImages([image(), image()], 'x', { ...long(), ...options })],
];
const retried: typeof methods = [
  ['safeGenerate', (options) => safeGenerate(text, 'x', { ...long(), ...options, maxRetries: 0 })],
];

describe.each([...methods, ...batches, ...retried])('an abort of %s', (_, call) => {
  it('rejects with its reason while it runs', async () => {
    const controller = new AbortController();
    const running = call({ signal: controller.signal });
    setImmediate(() => controller.abort('enough'));
    await expect(running).rejects.toBe('enough');
    await stillWorks();
  });

  it('rejects with its reason when it came before', async () => {
    await expect(call({ signal: AbortSignal.abort('before') })).rejects.toBe('before');
  });
});

describe.each([...methods, ...retried])('a timeout of %s', (_, call) => {
  it('rejects with TimeoutError, and the engine works on', async () => {
    await expect(call({ timeout: 1 })).rejects.toBeInstanceOf(TimeoutError);
    await stillWorks();
  });
});

it('AbortSignal.timeout works too', async () => {
  const { engine } = manager.requireModel();
  const late = endless({ engine, signal: AbortSignal.timeout(20) }); // parks, since nobody reads
  await late.settled;
  await expect(late).rejects.toMatchObject({ name: 'TimeoutError' });
  await stillWorks();
});

describe('back-pressure', () => {
  it('a slow reader has at most 32 pieces waiting for it', async () => {
    const { engine } = manager.requireModel();
    let sent = 0;
    const generation = endless({ engine, maxTokens: 200, onSent: () => sent++ });
    let read = 0;
    let most = 0;
    for await (const _ of generation) {
      read++;
      if (read % 10 === 0) await sleep(20);
      most = Math.max(most, sent - read);
    }
    expect(read).toBe(sent);
    expect(read).toBeGreaterThan(100);
    expect(most).toBeLessThanOrEqual(32);
    expect(most).toBeGreaterThan(8); // it does run ahead
  });

  it('with one seat, drain lets another generation run inside of a loop', async () => {
    const own = await loadedManager((config) => Object.assign(config.hardware, { maxBatchSize: 1 }));
    const { engine } = own.requireModel();
    const outer = endless({ engine, maxTokens: 100 });
    let inner: string | undefined;
    let pieces = '';
    for await (const piece of outer) {
      pieces += piece;
      if (inner !== undefined) continue;
      outer.drain();
      inner = (await new TextGenerator(own).generate('inside', { maxTokens: 3 })).response;
    }
    expect(inner).toBeDefined();
    expect(pieces).toBe(engine.detokenize((await outer).tokens));
    await own.unloadModel();
  });
});

describe('many at once', () => {
  it('64 generations from 64 promises each answer their own prompt, and share a signal without a warning', async () => {
    const { signal } = new AbortController();
    const results = await Promise.all(
      Array.from({ length: 64 }, async (_, i) => {
        const prompt = `<${i}> ${'x'.repeat(i)}`;
        return { prompt, ...(await text.generate(prompt, { maxTokens: 10, seed: i, signal })) };
      }),
    );
    for (const { prompt, fullResponse, response, outputTokens } of results) {
      expect(fullResponse).toContain(prompt);
      expect(fullResponse.endsWith(response)).toBe(true);
      expect(outputTokens).toBeLessThanOrEqual(10);
    }
    await sleep(0);
  });

  it('64 with pictures and texts, of which every third is aborted', async () => {
    const jobs = Array.from({ length: 64 }, (_, i) => {
      const controller = new AbortController();
      const maxTokens = i % 3 ? 10 : 900; // the abort must not come too late
      const options = { maxTokens, seed: i, signal: controller.signal };
      const picture = tinyImages()[i % tinyImages().length] as string;
      const job =
        i % 2 ? text.generate(`text ${i}`, options) : vision.generateWithImage(picture, `picture ${i}`, options);
      if (i % 3 === 0) setImmediate(() => controller.abort(i));
      return job;
    });
    const settled = await Promise.allSettled(jobs);
    for (const [i, outcome] of settled.entries()) {
      if (i % 3 === 0) expect(outcome).toEqual({ status: 'rejected', reason: i });
      else expect(outcome.status).toBe('fulfilled');
    }
    await stillWorks();
  });
});

it('monitorPerformance measures a method', async () => {
  const describeImage = monitorPerformance(vision.describeImage.bind(vision));
  const result = await describeImage(image(), { maxTokens: 5 });
  expect(result.performance.functionName).toBe('describeImage');
  expect(result.performance.executionTime).toBeGreaterThanOrEqual(result.generationTime * 0.9);
});
