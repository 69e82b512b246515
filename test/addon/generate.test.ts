import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Config } from '../../lib/config.js';
import * as errors from '../../lib/errors.js';
import { ModelManager } from '../../lib/model-manager.js';
import { loadNative } from '../../lib/native/load.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { endless, GREEDY, loadedManager, ROOT, temporaryFolder, tinyImages, tinyModel } from '../support/model.js';

let manager: ModelManager;
let text: TextGenerator;
let vision: VisionGenerator;
beforeAll(async () => {
  manager = await loadedManager();
  text = new TextGenerator(manager);
  vision = new VisionGenerator(manager);
});
afterAll(() => manager.unloadModel());

async function collect(pieces: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

const model = () => manager.requireModel();

describe('the addon', () => {
  it('has the error codes of lib/errors.ts', () => {
    expect(loadNative().errorCodes()).toEqual([...errors.ERROR_CODES]);
  });

  it('explains a load that fails', () => {
    const load = () => loadNative(temporaryFolder());
    expect(load).toThrow(errors.NativeMissingError);
    expect(load).toThrow(/could not be loaded on .* Node .*none was built.*npx bllossom build/);
  });
});

describe('loading', () => {
  it('reports progress up to 1 and describes the model', async () => {
    const onProgress = vi.fn();
    const own = new ModelManager(manager.config);
    expect(own.getModelInfo()).toMatchObject({ status: 'not_loaded', device: null });
    expect(await own.healthCheck()).toBe(false);
    expect(await own.loadModel({ onProgress })).toBe(true);
    const values = onProgress.mock.calls.map(([value]) => value as number);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values.at(-1)).toBe(1);
    const info = own.getModelInfo();
    expect(info).toMatchObject({ status: 'loaded', device: expect.any(String), quantization: 'F32' });
    expect(info.ramAllocated + info.vramAllocated).toBeGreaterThan(0);
    expect(info.architecture?.crossLayers).toBeGreaterThan(0);
    expect(await own.healthCheck()).toBe(true);
    await own.unloadModel();
    expect([own.isLoaded, own.model, own.processor, own.device]).toEqual([false, null, null, null]);
  });

  it('joins a load under way and keeps a loaded model', async () => {
    const own = new ModelManager(manager.config);
    expect(await Promise.all([own.loadModel(), own.loadModel()])).toEqual([true, true]);
    const before = own.model;
    await own.loadModel();
    expect(own.model).toBe(before);
    await own.unloadModel();
    await own.unloadModel();
  });

  it.each([
    ['a model', true],
    ['a load under way', false],
  ])('loads again right after the unloading of %s has begun', async (_, whole) => {
    const own = new ModelManager(manager.config);
    const first = own.loadModel();
    if (whole) await first;
    const unloaded = own.unloadModel();
    expect(await own.loadModel()).toBe(true);
    await unloaded;
    expect(own.isLoaded).toBe(true);
    expect(await own.healthCheck()).toBe(true);
    await own.unloadModel();
  });

  it('turns an abort for a reason that is no error into one', async () => {
    const own = new ModelManager(manager.config);
    expect(await own.loadModel({ signal: AbortSignal.abort('not now') })).toBe(false);
    expect(own.lastError).toBeInstanceOf(errors.CancelledError);
    expect(own.lastError?.cause).toBe('not now');
  });

  it('ends with an abort', async () => {
    const own = new ModelManager(manager.config);
    const reason = new Error('not now');
    expect(await own.loadModel({ signal: AbortSignal.abort(reason) })).toBe(false);
    expect(own.lastError).toBe(reason);
    expect(await own.loadModel()).toBe(true);
    await own.unloadModel();
  });

  const failing: [string, () => string, new (message: string) => Error][] = [
    ['a file that is not there', () => '/nowhere/model.gguf', errors.ModelNotFoundError],
    ['a folder', () => ROOT, errors.ModelNotFoundError],
    ['a file that is not GGUF', () => join(ROOT, 'package.json'), errors.ModelFormatError],
    ['an empty file', () => empty(), errors.ModelFormatError],
    [
      'another architecture',
      () => join(ROOT, 'vendor/llama.cpp/models/ggml-vocab-llama-bpe.gguf'),
      errors.ModelUnsupportedError,
    ],
  ];
  function empty(): string {
    const file = join(temporaryFolder(), 'empty.gguf');
    writeFileSync(file, '');
    return file;
  }
  it.each(failing)('refuses %s, and loads a good one afterwards', async (_, path, type) => {
    const config = new Config();
    config.model.path = path();
    const own = new ModelManager(config);
    expect(await own.loadModel()).toBe(false);
    expect(own.lastError).toBeInstanceOf(type);
    config.model.path = await tinyModel();
    expect(await own.loadModel()).toBe(true);
    expect(own.lastError).toBeNull();
    await own.unloadModel();
  });
});

describe('text', () => {
  it('streams exactly the response', async () => {
    const generation = text.generate('안녕하세요', { seed: 1, maxTokens: 60 });
    const pieces = await collect(generation);
    const result = await generation;
    expect(pieces.join('')).toBe(result.response);
    expect(result.fullResponse.endsWith(result.response)).toBe(true);
    expect(result.outputTokens).toBeLessThanOrEqual(60);
    expect(result.inputTokens).toBeGreaterThan(5);
    expect(result.timeToFirstToken).toBeLessThanOrEqual(result.generationTime);
    expect(['stop', 'length']).toContain(result.finishReason);
  });

  it('is the text of its tokens', async () => {
    const { engine } = model();
    const generation = endless({ engine, maxTokens: 200 });
    const { tokens, reason } = await generation;
    expect([tokens.length, reason]).toEqual([200, 'length']);
    expect(generation.text).toBe(engine.detokenize(tokens));
  });

  it('repeats with the same seed and differs with others', async () => {
    const options = { temperature: 1, topK: 0, topP: 1, maxTokens: 40 };
    const texts: string[] = [];
    for (const seed of [1, 1, 2, 3]) texts.push((await text.generate('hello', { ...options, seed })).response);
    expect(texts[0]).toBe(texts[1]);
    expect(new Set(texts).size).toBeGreaterThan(1);
    const { seed, response } = await text.generate('hello', { ...options, reusePrompt: false });
    expect((await text.generate('hello', { ...options, seed })).response).toBe(response);
  });

  it('is greedy at temperature 0, whatever the seed, and with doSample false', async () => {
    const run = (options: object) => text.generate('hello', { maxTokens: 40, ...options });
    const a = await run({ temperature: 0, seed: 1 });
    const b = await run({ temperature: 0, seed: 2 });
    const c = await run({ doSample: false, temperature: 1.5 });
    expect([b.response, c.response]).toEqual([a.response, a.response]);
    expect(a.parameters).toMatchObject({ temperature: 0, doSample: false });
  });

  // With F16 caches, sums are also rounded to F16: beside others, a near tie of random weights may turn.
  it('gives many at once what it gives one at a time, with F32 caches', async () => {
    const own = await loadedManager((config) => Object.assign(config.hardware, { kvCacheType: 'f32' }));
    const generator = new TextGenerator(own);
    const prompts = Array.from({ length: 10 }, (_, i) => `prompt ${'x'.repeat(i * 7)}`);
    const run = async (prompt: string, seed: number) =>
      (await generator.generate(prompt, { temperature: seed % 2, seed, maxTokens: 30 })).response;
    const together = await Promise.all(prompts.map(run));
    const alone: string[] = [];
    for (const [seed, prompt] of prompts.entries()) alone.push(await run(prompt, seed));
    expect(together).toEqual(alone);
    await own.unloadModel();
  });

  it('ends at a stop text, which is not part of the response', async () => {
    const { response } = await text.generate('hello', { temperature: 0, maxTokens: 40 });
    const stop = response.slice(5, 8);
    const cut = await text.generate('hello', { temperature: 0, maxTokens: 40, stop });
    expect(cut.response).toBe(response.slice(0, response.indexOf(stop)));
    expect(cut.finishReason).toBe('stop');
  });

  it('never lets a user type control tokens', async () => {
    const { processor, info } = model();
    for (const token of [info.eosToken, info.imageToken, info.bosToken]) {
      expect(processor.tokenize([{ special: token }])).toHaveLength(1);
      expect(processor.tokenize(token).length).toBeGreaterThan(1);
      expect(processor.detokenize(processor.tokenize(token))).toBe(token);
      const plain = processor.tokenize(processor.applyChatTemplate([{ role: 'user', content: token }]));
      const control = processor.tokenize([{ special: token }])[0];
      const usual = processor.tokenize(processor.applyChatTemplate([{ role: 'user', content: 'x' }]));
      const count = (ids: Int32Array) => ids.filter((id) => id === control).length;
      expect(count(plain)).toBe(count(usual));
    }
    expect((await text.generate(info.imageToken, { maxTokens: 1 })).success).toBe(true);
  });
});

describe('images', () => {
  it.each(tinyImages())('answers about %s', async (image) => {
    const generation = vision.generateWithImage(image, 'What?', { temperature: 0, maxTokens: 20 });
    const pieces = await collect(generation);
    const result = await generation;
    expect(pieces.join('')).toBe(result.response);
    expect(result.imageSize.every((side) => side > 0)).toBe(true);
  });

  it('encodes the same picture once, until memory is cleared', async () => {
    await manager.clearMemory();
    const image = tinyImages()[0] as string;
    const run = () => vision.generateWithImage(image, 'What?', { temperature: 0, maxTokens: 20 });
    const [first, second] = [await run(), await run()];
    expect(first.imageEncodeTime).toBeGreaterThan(0);
    expect(second.imageEncodeTime).toBeLessThan(first.imageEncodeTime / 10);
    expect(second.response).toBe(first.response);
    await manager.clearMemory();
    expect((await run()).imageEncodeTime).toBeGreaterThan(0);
  });

  it('computes pictures and texts together as it does alone', async () => {
    const jobs = [...tinyImages(), undefined].map((image) => async () => {
      const options = { temperature: 0, maxTokens: 20 };
      const generation = image ? vision.generateWithImage(image, 'What?', options) : text.generate('What?', options);
      return (await generation).response;
    });
    const together = await Promise.all(jobs.map((job) => job()));
    for (const [i, job] of jobs.entries()) expect(await job()).toBe(together[i]);
  });
});

describe('ending early', () => {
  it('an abort settles at once with its reason, and the engine goes on', async () => {
    const { engine } = model();
    const controller = new AbortController();
    const generation = endless({ engine, signal: controller.signal });
    const loop = (async () => {
      for await (const _ of generation) if (generation.text.length > 20) controller.abort('enough');
    })();
    await expect(loop).rejects.toBe('enough');
    await expect(generation).rejects.toBe('enough');
    expect((await text.generate('still there?', { maxTokens: 3 })).success).toBe(true);
  });

  it('leaving the loop cancels', async () => {
    const { engine } = model();
    const generation = endless({ engine });
    for await (const _ of generation) break;
    await expect(generation).rejects.toBeInstanceOf(errors.CancelledError);
  });

  it('an abort before the start, and during the encode', async () => {
    const image = tinyImages()[0] as string;
    const before = vision.generateWithImage(image, 'x', { signal: AbortSignal.abort('no') });
    await expect(before).rejects.toBe('no');
    await manager.clearMemory();
    const controller = new AbortController();
    const during = vision.generateWithImage(image, 'x', { signal: controller.signal, maxTokens: 1000, temperature: 2 });
    setImmediate(() => controller.abort('later'));
    await expect(during).rejects.toBe('later');
  });

  it('an abort while the image is still being decoded, without waiting for it', async () => {
    const controller = new AbortController();
    const pipeline = sharp(); // nobody feeds it, so that decoding does not end by itself
    const generation = vision.generateWithImage(pipeline, 'x', { signal: controller.signal });
    setTimeout(() => controller.abort('enough'), 50);
    const start = performance.now();
    await expect(generation).rejects.toBe('enough');
    expect(performance.now() - start).toBeLessThan(2000);
    pipeline.end();
  });

  it('many aborts at random moments leave nothing behind', async () => {
    const { engine } = model();
    const runs = Array.from({ length: 30 }, async (_, i) => {
      const controller = new AbortController();
      const generation = endless({ engine, signal: controller.signal, prompt: [{ text: 'a'.repeat(1 + i * 5) }] });
      setTimeout(() => controller.abort('x'), i * 3);
      await expect(generation).rejects.toBe('x');
    });
    await Promise.all(runs);
    expect((await text.generate('hello', { temperature: 0, maxTokens: 5 })).success).toBe(true);
  });
});

describe('back-pressure', () => {
  it('parks what nobody reads, while others run on, and resumes it', async () => {
    const { engine } = model();
    let pieces = 0;
    const parked = engine.generate(
      {
        ...{ prompt: [{ text: 'hello' }], images: [], maxTokens: 100, stop: [], ignoreEos: true, credit: 8 },
        ...{ sampling: GREEDY, grammar: null, logprobs: -1, reusePrompt: true, promptLookup: 0 },
      },
      { onPiece: () => pieces++ },
    );
    await endless({ engine, maxTokens: 200 });
    await sleep(50);
    expect(pieces).toBe(8);
    parked.grant(4);
    await sleep(200);
    expect(pieces).toBe(12);
    parked.grant(1000);
    expect((await parked.done).tokens).toHaveLength(100);
  });

  it('a slow reader gets every piece', async () => {
    const { engine } = model();
    const generation = endless({ engine, maxTokens: 120 });
    const pieces: string[] = [];
    for await (const piece of generation) {
      pieces.push(piece);
      await sleep(1);
    }
    expect(pieces.join('')).toBe(engine.detokenize((await generation).tokens));
  });
});

describe('misuse', () => {
  it.each([Number.NaN, 1.5, -1, 2 ** 32, 2 ** 31 - 1, '1'])('refuses the token id %s', (id) => {
    expect(() => model().processor.detokenize([id as number])).toThrow(errors.InvalidArgumentError);
  });

  const image = () => tinyImages()[0] as string;
  const calls: [string, () => PromiseLike<unknown>, new (message: string) => Error][] = [
    ['an empty prompt', () => text.generate(''), errors.InvalidArgumentError],
    ['white space for a prompt', () => text.generate(' \n'), errors.InvalidArgumentError],
    ['no prompt', () => text.generate(undefined as never), errors.InvalidArgumentError],
    ['temperature 2.1', () => text.generate('x', { temperature: 2.1 }), errors.InvalidArgumentError],
    ['temperature -0.1', () => text.generate('x', { temperature: -0.1 }), errors.InvalidArgumentError],
    ['topP 0', () => text.generate('x', { topP: 0 }), errors.InvalidArgumentError],
    ['topK -1', () => text.generate('x', { topK: -1 }), errors.InvalidArgumentError],
    ['repetitionPenalty 0', () => text.generate('x', { repetitionPenalty: 0 }), errors.InvalidArgumentError],
    ['maxTokens 0', () => text.generate('x', { maxTokens: 0 }), errors.InvalidArgumentError],
    ['maxTokens 1.5', () => text.generate('x', { maxTokens: 1.5 }), errors.InvalidArgumentError],
    ['a seed of 2^32', () => text.generate('x', { seed: 2 ** 32 }), errors.InvalidArgumentError],
    ['NaN', () => text.generate('x', { topP: Number.NaN }), errors.InvalidArgumentError],
    ['an empty stop text', () => text.generate('x', { stop: '' }), errors.InvalidArgumentError],
    ['a misspelled option', () => text.generate('x', { maxToken: 5 } as never), errors.InvalidArgumentError],
    ['a signal that is none', () => text.generate('x', { signal: {} as never }), errors.InvalidArgumentError],
    ['a prompt over the context', () => text.generate('word '.repeat(20_000)), errors.ContextFullError],
    ['an image that is not there', () => vision.generateWithImage('/nowhere.png', 'x'), errors.IoError],
    ['an image that is none', () => vision.generateWithImage(Buffer.from('hello'), 'x'), errors.ImageDecodeError],
    ['an image with an empty prompt', () => vision.generateWithImage(image(), ''), errors.InvalidArgumentError],
    [
      'a generator without a model',
      () => new TextGenerator(new ModelManager()).generate('x'),
      errors.ModelNotLoadedError,
    ],
  ];
  it.each(calls)('%s rejects with a typed error', async (_, call, type) => {
    await expect(call()).rejects.toBeInstanceOf(type);
  });
});

describe('closing', () => {
  it('settles what is open; later calls say that nothing is loaded; loading again works', async () => {
    const own = await loadedManager();
    const { engine } = own.requireModel();
    const open = [endless({ engine }), endless({ engine }), endless({ engine })];
    const results = Promise.allSettled(open);
    await sleep(20);
    await own.unloadModel();
    for (const result of await results) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.objectContaining({ code: 'ERR_CLOSED' }) });
    }
    await expect(new TextGenerator(own).generate('x')).rejects.toBeInstanceOf(errors.ModelNotLoadedError);
    expect(await own.loadModel()).toBe(true);
    expect((await new TextGenerator(own).generate('x', { maxTokens: 2 })).success).toBe(true);
    await own.unloadModel();
  });
});
