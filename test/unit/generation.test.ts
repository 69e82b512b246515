import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CancelledError, ClosedError, InvalidArgumentError, OutOfMemoryError, TimeoutError } from '../../lib/errors.js';
import { Generation, type GenerationOptions } from '../../lib/generation.js';
import type { LoadedModel } from '../../lib/model-manager.js';
import { type GenerationResult, runGeneration } from '../../lib/run-generation.js';
import { collect } from '../support/collect.js';
import { patient } from '../support/patience.js';
import { type ScriptedNative, scriptedEngine } from '../support/scripted-engine.js';

const PARAMETERS = {
  ...{ maxTokens: 1000, temperature: 0, doSample: false, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 },
  ...{
    frequencyPenalty: 0,
    presencePenalty: 0,
    seed: 7,
    stop: [],
    logitBias: {},
    logprobs: false,
    reusePrompt: true,
    promptLookup: 0,
  },
};

const words = (count: number) => Array.from({ length: count }, (_, i) => `${i} `);

/** A generation on the scripted engine (a mock, so that every piece of credit can be counted). */
function begin(pieces: string[], given: GenerationOptions & { maxTokens?: number } = {}) {
  const { maxTokens = PARAMETERS.maxTokens, ...options } = given;
  const { engine, native } = scriptedEngine(pieces);
  const model = { engine, info: { contextSize: 64 } } as unknown as LoadedModel;
  const parameters = { ...PARAMETERS, maxTokens };
  const job = { prompt: [{ special: '<|x|>' }, { text: 'hi' }], images: [], parameters, start: performance.now() };
  const generation = new Generation<GenerationResult>((control) => runGeneration(model, job, control), options);
  return { generation, native, engine };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await turn();
}

const unhandled = vi.fn();
process.on('unhandledRejection', unhandled);
afterEach(async () => {
  await settle();
  expect(unhandled).not.toHaveBeenCalled();
});

describe('a generation', () => {
  it('gives its result when awaited', async () => {
    const { generation } = begin(words(100));
    const result = await generation;
    expect(result).toMatchObject({
      success: true,
      response: words(100).join(''),
      fullResponse: `<|x|>hi${words(100).join('')}`,
      finishReason: 'stop',
      inputTokens: 3,
      cachedTokens: 1,
      outputTokens: 100,
      promptTokensPerSecond: 4,
      decodeTokensPerSecond: 396,
      seed: 7,
    });
    expect(result.timeToFirstToken).toBeGreaterThanOrEqual(0.6);
    expect(result.tokensPerSecond).toBeCloseTo(100 / result.generationTime);
  });

  it('gives its pieces when iterated, and the result afterwards', async () => {
    const { generation } = begin(words(100));
    expect(await collect(generation)).toEqual(words(100));
    expect((await generation).response).toBe(words(100).join(''));
    expect(generation.text).toBe(words(100).join(''));
  });

  it('gives everything to several readers, early and late', async () => {
    const { generation } = begin(words(80));
    const [a, b, result] = await Promise.all([collect(generation), collect(generation), generation]);
    expect(a).toEqual(words(80));
    expect(b).toEqual(words(80));
    expect(result.outputTokens).toBe(80);
    expect(await collect(generation)).toEqual(words(80));
  });

  it('says "length" at the limit', async () => {
    expect((await begin(words(100), { maxTokens: 5 }).generation).finishReason).toBe('length');
  });

  it('works with an empty answer', async () => {
    const { generation } = begin([]);
    expect(await collect(generation)).toEqual([]);
    expect((await generation).response).toBe('');
  });

  it('has catch and finally like a promise', async () => {
    const done = vi.fn();
    await begin(['a']).generation.finally(done);
    expect(done).toHaveBeenCalledOnce();
    const { generation } = begin(words(100));
    generation.cancel();
    expect(await generation.catch((error: unknown) => error)).toBeInstanceOf(CancelledError);
  });
});

describe('back-pressure', () => {
  const sent = (native: ScriptedNative) => [...native.running.values()][0]?.sent;

  it('parks a generation that nobody reads after 32 pieces', async () => {
    const { generation, native } = begin(words(100));
    await settle();
    expect(sent(native)).toBe(32);
    expect(native.calls).toEqual([]);
    expect((await generation).outputTokens).toBe(100);
  });

  it('keeps at most 32 pieces ahead of its reader', async () => {
    const { generation, native } = begin(words(200));
    let read = 0;
    for await (const _ of generation) {
      read++;
      if (read % 20 === 0) await settle();
      expect(sent(native) ?? 200).toBeLessThanOrEqual(read + 32);
    }
    expect(read).toBe(200);
    expect(native.calls.length).toBeLessThanOrEqual(200 / 16);
  });

  it('runs on without a reader when it is awaited, for one grant', async () => {
    const { generation, native } = begin(words(100));
    await Promise.all([generation, generation, generation.catch(() => {})]);
    expect(native.calls).toEqual(['grant 1000000000']);
  });

  it('runs on with a token callback', async () => {
    const seen: string[] = [];
    const { native } = begin(words(100), { onToken: (text) => seen.push(text) });
    await settle();
    expect(native.running.size).toBe(0);
    expect(seen).toEqual(words(100));
  });
});

describe('ending early', () => {
  it('leaving the loop cancels', async () => {
    const { generation, native } = begin(words(100));
    for await (const piece of generation) if (piece === '3 ') break;
    expect(native.calls).toContain('cancel');
    await expect(generation).rejects.toBeInstanceOf(CancelledError);
    expect(generation.text).toMatch(/^0 1 2 3 /);
  });

  it('throwing in the loop cancels', async () => {
    const { generation, native } = begin(words(100));
    const loop = (async () => {
      for await (const _ of generation) throw new Error('mine');
    })();
    await expect(loop).rejects.toThrow('mine');
    expect(native.calls).toContain('cancel');
  });

  it('leaving the loop after the last piece does not', async () => {
    const { generation, native } = begin(['a', 'b']);
    await settle();
    for await (const piece of generation) if (piece === 'b') break;
    expect(native.calls).not.toContain('cancel');
    expect((await generation).response).toBe('ab');
  });

  it.each([
    ['an error', new Error('enough')],
    ['a string', 'enough'],
    ['nothing: the platform names it', undefined],
  ])('an abort rejects with its reason: %s', async (_, reason) => {
    const controller = new AbortController();
    const { generation } = begin(words(100), { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 5);
    const error = await generation.then(
      () => 'resolved',
      (error: unknown) => error,
    );
    // 100 pieces take a few turns only: the abort may come too late, which is not this test.
    if (error !== 'resolved') expect(error).toBe(controller.signal.reason);
  });

  it('an abort reaches readers and awaiters alike', async () => {
    const controller = new AbortController();
    const { generation } = begin(words(100), { signal: controller.signal });
    const reader = collect(generation);
    const failed = expect(reader).rejects.toBe('stop');
    controller.abort('stop');
    await failed;
    await expect(generation).rejects.toBe('stop');
  });

  it('a signal that is already aborted starts nothing', async () => {
    const { generation, native } = begin(words(5), { signal: AbortSignal.abort('before') });
    await expect(generation).rejects.toBe('before');
    expect(native.requests).toEqual([]);
  });

  it('an abort after the end changes nothing and leaves no listener', async () => {
    const controller = new AbortController();
    const remove = vi.spyOn(controller.signal, 'removeEventListener');
    const { generation } = begin(['a'], { signal: controller.signal });
    await generation;
    await settle();
    expect(remove).toHaveBeenCalled();
    controller.abort();
    expect((await generation).response).toBe('a');
  });

  it('a failure ends the loop and rejects the result, once', async () => {
    const { generation, native } = begin(words(100));
    setTimeout(() => native.fail('ERR_OUT_OF_MEMORY'), 5);
    const pieces: string[] = [];
    const loop = (async () => {
      for await (const piece of generation) {
        pieces.push(piece);
        await turn();
        if (pieces.length === 40) await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    await expect(loop).rejects.toBeInstanceOf(OutOfMemoryError);
    await expect(generation).rejects.toBeInstanceOf(OutOfMemoryError);
  });

  it('a failure that is only iterated over is not unhandled', async () => {
    const { generation, native } = begin(words(100));
    await settle();
    native.fail('ERR_BACKEND');
    await expect(collect(generation)).rejects.toThrow('it failed');
  });

  it('a callback that throws fails its own generation with that error', async () => {
    const mine = new Error('in the callback');
    const { generation, native } = begin(words(100), {
      onToken: () => {
        throw mine;
      },
    });
    await expect(generation).rejects.toBe(mine);
    expect(native.calls).toContain('cancel');
  });

  it('a call that the engine refuses rejects with a typed error', async () => {
    await expect(begin(words(5), { maxTokens: 1313 }).generation).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe('a timeout', () => {
  it('rejects with TimeoutError, cancels, and keeps the text so far', async () => {
    const { generation, native } = begin(words(100), { timeout: patient(30) }); // parks, since nobody reads
    await settle();
    const failure = await generation.settled.then(() => generation.catch((error: unknown) => error));
    expect(failure).toBeInstanceOf(TimeoutError);
    expect((failure as Error).message).toContain(`longer than the ${patient(30)} ms allowed`);
    expect(native.calls).toContain('cancel');
    expect(generation.text).toBe(words(32).join(''));
  });

  it('ends a loop that is too slow, after the pieces that came', async () => {
    const { generation } = begin(words(100), { timeout: 40 });
    const pieces: string[] = [];
    const loop = (async () => {
      for await (const piece of generation) {
        pieces.push(piece);
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    })();
    await expect(loop).rejects.toBeInstanceOf(TimeoutError);
    expect(pieces.length).toBeLessThan(100);
  });

  it('counts the time before the request too', async () => {
    const generation = new Generation(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      { timeout: 5 },
    );
    await expect(generation).rejects.toBeInstanceOf(TimeoutError);
  });

  it('of a generation that is in time leaves no timer', async () => {
    const clear = vi.spyOn(globalThis, 'clearTimeout');
    const { generation } = begin(words(3), { timeout: 60_000 });
    expect((await generation).outputTokens).toBe(3);
    expect(clear).toHaveBeenCalledOnce();
    clear.mockRestore();
  });

  it('comes after an abort that was first', async () => {
    const controller = new AbortController();
    const { generation } = begin(words(100), { signal: controller.signal, timeout: 20 });
    controller.abort('first');
    await new Promise((resolve) => setTimeout(resolve, 40));
    await expect(generation).rejects.toBe('first');
  });
});

describe('waiting for the end', () => {
  it('settled does not drain, drain does', async () => {
    const { generation, native } = begin(words(100));
    const settled = vi.fn();
    generation.settled.then(settled);
    await settle();
    expect([...native.running.values()][0]?.sent).toBe(32);
    expect(settled).not.toHaveBeenCalled();
    generation.drain();
    await generation.settled;
    expect(settled).toHaveBeenCalledOnce();
    expect(await collect(generation)).toEqual(words(100));
  });

  it('settled resolves after a failure too', async () => {
    const { generation } = begin(words(100));
    generation.cancel();
    expect(await generation.settled).toBeUndefined();
  });
});

describe('the engine', () => {
  it('reports progress, loads, unloads and passes typed errors on', async () => {
    const { engine } = scriptedEngine();
    const onProgress = vi.fn();
    const info = await engine.load({} as never, { onProgress });
    expect([info.name, onProgress.mock.calls]).toEqual(['scripted', [[0.5]]]);
    await engine.unload();
    await expect(engine.clearCaches()).rejects.toMatchObject({ code: 'ERR_NOT_LOADED' });
    expect(() => engine.tokenize([])).toThrow(expect.objectContaining({ code: 'ERR_NOT_LOADED' }));
  });

  it('closing settles what is open and refuses what comes later', async () => {
    const { generation, engine, native } = begin(words(100));
    await turn();
    engine.close();
    engine.close();
    expect(native.calls.filter((call) => call === 'close')).toHaveLength(1);
    await expect(generation).rejects.toBeInstanceOf(ClosedError);
    await expect(engine.unload()).rejects.toBeInstanceOf(ClosedError);
    expect(() => engine.memory()).toThrow(ClosedError);
  });

  it('ignores events of requests that it does not know', () => {
    const { native } = scriptedEngine();
    expect(() =>
      native.emit([
        { kind: 'piece', id: 99, text: 'x' },
        { kind: 'ok', id: 99 },
      ]),
    ).not.toThrow();
  });

  it('settles once, whatever comes after', async () => {
    const { engine, native } = scriptedEngine();
    const unload = engine.unload();
    native.emit([
      { kind: 'error', id: 1, code: 'ERR_IO', message: 'first' },
      { kind: 'ok', id: 1 },
    ]);
    await expect(unload).rejects.toThrow('first');
  });

  it('keeps concurrent generations apart', async () => {
    const { engine } = scriptedEngine(words(50));
    const model = { engine, info: { contextSize: 64 } } as unknown as LoadedModel;
    const generations = Array.from({ length: 20 }, (_, i) => {
      const parameters = { ...PARAMETERS, maxTokens: i + 1 };
      const job = { prompt: [], images: [], parameters, start: 0 };
      return new Generation((control) => runGeneration(model, job, control));
    });
    const results = await Promise.all(generations);
    expect(results.map(({ outputTokens }) => outputTokens)).toEqual(generations.map((_, i) => i + 1));
  });
});
