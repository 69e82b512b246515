import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { Batch, type BatchOptions, generationBatch } from '../../lib/batch.js';
import { CancelledError, InvalidArgumentError, OutOfMemoryError } from '../../lib/errors.js';
import { collect } from '../support/collect.js';

/** Items that end when they are told to. */
function manual(total: number, concurrency = total, options?: BatchOptions) {
  const ends: ((fail?: unknown) => void)[] = [];
  const signals: AbortSignal[] = [];
  const run = (index: number, signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      signals[index] = signal;
      signal.addEventListener('abort', () => reject(signal.reason));
      ends[index] = (failure) => (failure === undefined ? resolve(`item ${index}`) : reject(failure));
    });
  const batch = new Batch(() => ({ total, concurrency, run, collect: (items: string[]) => items }), options);
  const end = async (index: number, failure?: unknown) => {
    ends[index]?.(failure);
    await turn();
  };
  return { batch, end, started: () => ends.filter(Boolean).length, signals };
}

describe('a batch', () => {
  it('gives the results in input order, whatever the order in which they became ready', async () => {
    const { batch, end } = manual(3);
    for (const index of [2, 0, 1]) await end(index);
    expect(await batch).toEqual(['item 0', 'item 1', 'item 2']);
    expect(batch.finished).toEqual(['item 2', 'item 0', 'item 1']);
  });

  it('gives a loop each item when it is ready', async () => {
    const { batch, end } = manual(3);
    const seen: string[] = [];
    const loop = (async () => {
      for await (const item of batch) seen.push(item);
    })();
    await end(1);
    expect(seen).toEqual(['item 1']);
    await end(0);
    await end(2);
    await loop;
    expect(seen).toEqual(['item 1', 'item 0', 'item 2']);
    expect(await batch).toHaveLength(3);
  });

  it('gives every reader everything, also one that comes when all is over', async () => {
    const { batch, end } = manual(2);
    const early = collect(batch);
    await end(0);
    await end(1);
    await batch;
    expect(await collect(batch)).toEqual(await early);
  });

  it('works on no more items at once than it may', async () => {
    const { batch, end, started } = manual(5, 2);
    expect(started()).toBe(2);
    await end(1);
    expect(started()).toBe(3);
    for (const index of [0, 2, 3, 4]) await end(index);
    expect(await batch).toHaveLength(5);
  });

  it('of nothing is done at once', async () => {
    const { batch } = manual(0, 4);
    expect(await batch).toEqual([]);
    expect(await collect(batch)).toEqual([]);
  });

  it('tells its progress', async () => {
    const onProgress = vi.fn();
    const { batch, end } = manual(2, 2, { onProgress });
    await end(1);
    expect(onProgress.mock.calls).toEqual([[{ done: 1, total: 2 }]]);
    await end(0);
    await batch;
    expect(onProgress).toHaveBeenLastCalledWith({ done: 2, total: 2 });
  });
});

describe('ending a batch early', () => {
  it('an abort rejects with its reason, starts nothing more, and keeps what was ready', async () => {
    const controller = new AbortController();
    const { batch, end, started, signals } = manual(4, 2, { signal: controller.signal });
    await end(0);
    controller.abort('enough');
    await expect(batch).rejects.toBe('enough');
    await expect(collect(batch)).rejects.toBe('enough');
    expect([started(), batch.finished]).toEqual([3, ['item 0']]);
    expect(signals.slice(1).every(({ aborted }) => aborted)).toBe(true);
  });

  it('a signal that is already aborted starts nothing', async () => {
    const { batch, started } = manual(2, 2, { signal: AbortSignal.abort('before') });
    await expect(batch).rejects.toBe('before');
    expect(started()).toBe(0);
  });

  it('leaving the loop cancels the rest', async () => {
    const { batch, end, signals } = manual(3);
    setTimeout(() => end(0), 1);
    for await (const item of batch) {
      expect(item).toBe('item 0');
      break;
    }
    await expect(batch).rejects.toBeInstanceOf(CancelledError);
    expect([signals[1]?.aborted, signals[2]?.aborted]).toEqual([true, true]);
  });

  it('leaving the loop at the last item cancels nothing', async () => {
    const { batch, end } = manual(1);
    setTimeout(() => end(0), 1);
    for await (const _ of batch) break;
    expect(await batch).toEqual(['item 0']);
  });

  it('what an item throws ends it, and stops the others', async () => {
    const { batch, end, signals } = manual(3);
    const failure = new Error('mine');
    await end(1, failure);
    await expect(batch).rejects.toBe(failure);
    expect([signals[0]?.aborted, signals[2]?.aborted]).toEqual([true, true]);
  });

  it('what onProgress throws ends it', async () => {
    const failure = new Error('in the callback');
    const onProgress = () => {
      throw failure;
    };
    const { batch, end, signals } = manual(2, 2, { onProgress });
    await end(0);
    await expect(batch).rejects.toBe(failure);
    expect(signals[1]?.aborted).toBe(true);
  });

  it('a failure that nobody looks at is not unhandled', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { end } = manual(1);
    await end(0, new Error('lost'));
    await turn();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('leaves no listener on the signal of its caller', async () => {
    const { signal } = new AbortController();
    const [add, remove] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')];
    const { batch, end } = manual(1, 1, { signal });
    await end(0);
    await batch;
    expect(remove.mock.calls.length).toBe(add.mock.calls.length);
    expect(remove).toHaveBeenCalled();
  });
});

describe('misuse of a batch', () => {
  it.each([
    ['a signal that is none', { signal: {} as never }],
    ['a progress callback that is none', { onProgress: 'call me' as never }],
  ])('%s makes it reject', async (_, options) => {
    const { batch, started } = manual(1, 1, options);
    await expect(batch).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(started()).toBe(0);
  });
});

describe('a batch of generations', () => {
  const begin = (items: unknown, generate: (item: string) => Promise<object>, options?: unknown) =>
    generationBatch<string, BatchOptions, object>({
      ...{ name: 'prompts', items: items as string[], options: options as BatchOptions, concurrency: () => 2 },
      check: () => {},
      generate,
    });

  it('puts a failed item in its place, and goes on', async () => {
    const failure = new OutOfMemoryError('full');
    const results = await begin(['a', 'b', 'c'], async (item) => {
      if (item === 'b') throw failure;
      return { success: true, item };
    });
    expect(results).toEqual([
      { success: true, item: 'a', index: 0 },
      { success: false, index: 1, error: failure },
      { success: true, item: 'c', index: 2 },
    ]);
  });

  it('makes an error of what was thrown and is none', async () => {
    const [item] = await begin(['a'], () => Promise.reject('a string'));
    expect(item).toMatchObject({ success: false, error: expect.objectContaining({ message: 'a string' }) });
  });

  it('takes the items as they were when it was called', async () => {
    const items = ['a', 'b', 'c'];
    const batch = begin(items, async (item) => ({ item }));
    items.fill('changed');
    expect(await batch).toMatchObject([{ item: 'a' }, { item: 'b' }, { item: 'c' }]);
  });

  it.each([
    ['items that are no array', 'abc', undefined],
    ['options that are no object', ['a'], 5],
    ['options null', ['a'], null],
  ])('rejects for %s', async (_, items, options) => {
    await expect(begin(items, async () => ({}), options)).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe('a batch whose plan takes its time', () => {
  /** One item, planned after a turn of the event loop. */
  function planned(run: (signal: AbortSignal) => Promise<string>, options?: BatchOptions) {
    const close = vi.fn();
    const signals: AbortSignal[] = [];
    const plan = async (signal: AbortSignal) => {
      signals.push(signal);
      await turn();
      const work = { total: 1, concurrency: 1, collect: (items: string[]) => items, close };
      return { ...work, run: (_: number, each: AbortSignal) => run(each) };
    };
    return { batch: new Batch(plan, options), close, signals };
  }

  it('gives its results, then closes what the plan has opened', async () => {
    const { batch, close } = planned(async () => {
      expect(close).not.toHaveBeenCalled();
      return 'item';
    });
    expect(await batch).toEqual(['item']);
    expect(close).toHaveBeenCalledOnce();
  });

  it('closes it too when an item ends the batch', async () => {
    const { batch, close } = planned(async () => {
      throw new OutOfMemoryError('all gone');
    });
    await expect(batch).rejects.toThrow('all gone');
    expect(close).toHaveBeenCalledOnce();
  });

  it('closes it without running anything when it was given up meanwhile', async () => {
    const run = vi.fn();
    const { batch, close, signals } = planned(run);
    batch.cancel('never mind');
    await expect(batch).rejects.toBe('never mind');
    expect(signals[0]).toMatchObject({ aborted: true, reason: 'never mind' });
    expect(run).not.toHaveBeenCalled();
    expect(close).toHaveBeenCalledOnce();
  });

  it('closes it too when the work that was planned is of a wrong kind, or its results cannot be collected', async () => {
    const close = vi.fn();
    const work = { total: 1, concurrency: 1, run: async () => 'item', collect: (items: string[]) => items, close };
    const collect = () => {
      throw new OutOfMemoryError('too many');
    };
    await expect(new Batch(() => ({ ...work, concurrency: 0 }))).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(close).toHaveBeenCalledTimes(1);
    await expect(new Batch(async () => ({ ...work, collect }))).rejects.toThrow('too many');
    expect(close).toHaveBeenCalledTimes(2);
  });

  it('rejects with what the plan throws', async () => {
    const batch = new Batch(async () => {
      throw new InvalidArgumentError('no plan');
    });
    await expect(batch).rejects.toThrow('no plan');
  });
});
