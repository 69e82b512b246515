import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import {
  BackendError,
  ClosedError,
  ConnectionError,
  ContextFullError,
  InvalidArgumentError,
  ModelNotLoadedError,
  OutOfMemoryError,
  TimeoutError,
} from '../../lib/errors.js';
import { ModelManager } from '../../lib/model-manager.js';
import { retry, safeGenerate } from '../../lib/safe-generate.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { scriptedModel } from '../support/scripted-model.js';

vi.mock('node:timers/promises', async (original) => {
  const actual = await original<typeof import('node:timers/promises')>();
  return { ...actual, setTimeout: vi.fn(actual.setTimeout) };
});

/** Fails so many times, then gives "done". */
function failing(times: number, error: unknown = new OutOfMemoryError('full')) {
  return vi.fn(async (attempt: number) => {
    if (attempt <= times) throw error;
    return 'done';
  });
}

const AT_ONCE = { retryDelay: 0 };

describe('retry', () => {
  it.each([OutOfMemoryError, BackendError, ConnectionError, TimeoutError])('tries again after %o', async (Type) => {
    const work = failing(3, new Type('for now'));
    expect(await retry(work, AT_ONCE)).toBe('done');
    expect(work.mock.calls).toEqual([[1], [2], [3], [4]]);
  });

  it.each([
    new InvalidArgumentError('wrong'),
    new ModelNotLoadedError(),
    new ContextFullError('long'),
    new ClosedError('closed'),
    new Error('not ours'),
    'a string',
  ])('passes on at once: %s', async (error) => {
    const work = failing(1, error);
    await expect(retry(work, AT_ONCE)).rejects.toBe(error);
    expect(work).toHaveBeenCalledOnce();
  });

  it('rejects with the last failure, of its class, and the number of attempts', async () => {
    const deepest = new Error('the driver');
    const last = new BackendError('the device failed', { cause: deepest });
    const error = await retry(failing(9, last), { ...AT_ONCE, maxRetries: 2 }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(BackendError);
    expect(error).toMatchObject({ attempts: 3, code: 'ERR_BACKEND', cause: last });
    expect((error as Error).message).toBe('the device failed (given up after 3 attempts)');
    expect(last.cause).toBe(deepest);
  });

  it('tries once with maxRetries 0', async () => {
    const work = failing(1);
    await expect(retry(work, { maxRetries: 0 })).rejects.toMatchObject({ attempts: 1 });
    expect(work).toHaveBeenCalledOnce();
  });

  it('waits twice as long each time, from a half to the whole of it', async () => {
    vi.mocked(sleep).mockClear();
    const random = vi.spyOn(Math, 'random');
    for (const value of [0, 1]) {
      random.mockReturnValue(value);
      await retry(failing(3), { retryDelay: 8 });
    }
    random.mockRestore();
    expect(vi.mocked(sleep).mock.calls.map(([milliseconds]) => milliseconds)).toEqual([4, 8, 16, 8, 16, 32]);
  });

  it('an abort ends the waiting with its reason', async () => {
    const controller = new AbortController();
    const work = failing(1);
    const done = retry(work, { retryDelay: 60_000, signal: controller.signal });
    setTimeout(() => controller.abort('enough'), 10);
    await expect(done).rejects.toBe('enough');
    expect(work).toHaveBeenCalledOnce();
  });

  it('a signal that is already aborted tries nothing', async () => {
    const work = failing(0);
    await expect(retry(work, { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(work).not.toHaveBeenCalled();
  });

  it('tells of each try that failed and is made again', async () => {
    const onRetry = vi.fn();
    const error = new ConnectionError('lost');
    await retry(failing(2, error), { ...AT_ONCE, onRetry });
    expect(onRetry.mock.calls).toEqual([
      [error, 1],
      [error, 2],
    ]);
  });

  it('clears memory where that may help, and only there', async () => {
    const manager = new ModelManager();
    const clear = vi.spyOn(manager, 'clearMemory').mockRejectedValue(new BackendError('cannot'));
    await retry(failing(2), { ...AT_ONCE, manager });
    expect(clear).toHaveBeenCalledTimes(2);
    await retry(failing(2, new ConnectionError('lost')), { ...AT_ONCE, manager });
    expect(clear).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['no function', () => retry(undefined as never)],
    ['maxRetries -1', () => retry(failing(0), { maxRetries: -1 })],
    ['maxRetries Infinity', () => retry(failing(0), { maxRetries: Number.POSITIVE_INFINITY })],
    ['retryDelay NaN', () => retry(failing(0), { retryDelay: Number.NaN })],
    ['a manager that is none', () => retry(failing(0), { manager: {} as never })],
    ['a misspelled option', () => retry(failing(0), { retries: 3 } as never)],
  ])('refuses %s', async (_, call) => {
    await expect(call()).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe('safeGenerate', () => {
  it('answers once the engine can, with memory cleared between', async () => {
    const { manager, native } = scriptedModel(Array(1000).fill('lost'));
    const options = { ...AT_ONCE, seed: 7, onRetry: vi.fn() };
    const done = safeGenerate(new TextGenerator(manager), 'a question', options);
    while (native.running.size === 0) await turn();
    native.pieces = ['an ', 'answer'];
    native.fail('ERR_OUT_OF_MEMORY');
    expect(await done).toMatchObject({ success: true, response: 'an answer', seed: 7 });
    expect([native.requests.length, options.onRetry.mock.calls.length, manager.clears]).toEqual([2, 1, 1]);
  });

  it('an abort during a try is not tried again', async () => {
    const { manager, native } = scriptedModel(['never'].concat(Array(1000).fill('x')));
    const controller = new AbortController();
    const done = safeGenerate(new TextGenerator(manager), 'x', { ...AT_ONCE, signal: controller.signal });
    while (native.running.size === 0) await turn();
    controller.abort('enough');
    await expect(done).rejects.toBe('enough');
    expect(native.requests).toHaveLength(1);
  });

  it.each([
    ['a generator that is none', () => safeGenerate({} as never, 'x')],
    ['an empty prompt', () => safeGenerate(new TextGenerator(scriptedModel([]).manager), '')],
    ['temperature 3', () => safeGenerate(new TextGenerator(scriptedModel([]).manager), 'x', { temperature: 3 })],
    ['an unknown option', () => safeGenerate(new TextGenerator(new ModelManager()), 'x', { manager: 1 } as never)],
    ['options that are none', () => safeGenerate(new TextGenerator(new ModelManager()), 'x', 5 as never)],
  ])('refuses %s', async (_, call) => {
    await expect(call()).rejects.toBeInstanceOf(InvalidArgumentError);
  });

  it('does not try without a model', async () => {
    const onRetry = vi.fn();
    const done = safeGenerate(new TextGenerator(new ModelManager()), 'x', { onRetry });
    await expect(done).rejects.toBeInstanceOf(ModelNotLoadedError);
    expect(onRetry).not.toHaveBeenCalled();
  });
});
