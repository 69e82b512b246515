import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { InvalidArgumentError } from '../../lib/errors.js';
import { monitorPerformance, type PerformanceReport } from '../../lib/monitor-performance.js';
import type { GenerationResult } from '../../lib/run-generation.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { scriptedModel } from '../support/scripted-model.js';

describe('monitorPerformance', () => {
  it('adds time, memory and name to a copy of the result', async () => {
    const result = Object.freeze({ answer: 42 });
    const measured = await monitorPerformance(async function compute() {
      await sleep(50);
      return result;
    })();
    expect(measured).toEqual({
      answer: 42,
      performance: { executionTime: expect.any(Number), memoryUsed: expect.any(Number), functionName: 'compute' },
    });
    expect(measured.performance.executionTime).toBeGreaterThan(0.04);
    expect(measured.performance.executionTime).toBeLessThan(5);
    expect(result).toEqual({ answer: 42 });
  });

  it('counts memory in GB', async () => {
    const held: Buffer[] = [];
    const { performance } = await monitorPerformance(async () => {
      held.push(Buffer.alloc(256 * 1024 * 1024, 1));
      return { held: held.length };
    })();
    expect(performance.memoryUsed).toBeGreaterThan(0.2);
    expect(performance.memoryUsed).toBeLessThan(1);
  });

  it('keeps this, arguments, types and the name', async () => {
    const adder = { base: 10, add: async (_: number) => ({ sum: 0 }) };
    adder.add = monitorPerformance(async function add(this: { base: number }, n: number) {
      return { sum: this.base + n };
    });
    expect(await adder.add(5)).toMatchObject({ sum: 15, performance: { functionName: 'add' } });
    expect(adder.add.name).toBe('add');
    const typed = monitorPerformance(async (text: string, times?: number) => ({ text: text.repeat(times ?? 2) }));
    expectTypeOf(typed).parameters.toEqualTypeOf<[text: string, times?: number | undefined]>();
    expectTypeOf(typed).returns.resolves.toEqualTypeOf<{ text: string } & { performance: PerformanceReport }>();
    expect((await typed('ab')).text).toBe('abab');
  });

  it('takes methods of generators, bound or not', async () => {
    const generator = new TextGenerator(scriptedModel(['an ', 'answer']).manager);
    const bound = monitorPerformance(generator.generate.bind(generator));
    const result = await bound('a question', { maxTokens: 5 });
    expectTypeOf(result).toExtend<GenerationResult>();
    expect(result).toMatchObject({ response: 'an answer', performance: { functionName: 'generate' } });
    expect(await monitorPerformance(generator.generate).call(generator, 'x')).toMatchObject({ success: true });
  });

  it('calls a function without a name anonymous', async () => {
    const { performance } = await monitorPerformance((() => async () => ({}))())();
    expect(performance.functionName).toBe('anonymous');
  });

  it('passes failures on', async () => {
    const failure = new Error('mine');
    await expect(monitorPerformance(() => Promise.reject(failure))()).rejects.toBe(failure);
    const synchronous = monitorPerformance((): Promise<object> => {
      throw failure;
    });
    await expect(synchronous()).rejects.toBe(failure);
  });

  it.each([
    ['a number', 5],
    ['a string', 'text'],
    ['null', null],
    ['nothing', undefined],
    ['an array', [1]],
    ['an instance of a class', new Map()],
  ])('refuses %s as a result, by the name of the function', async (_, value) => {
    const measured = monitorPerformance(async function give() {
      return value as object;
    });
    await expect(measured()).rejects.toThrow(InvalidArgumentError);
    await expect(measured()).rejects.toThrow(/a plain object for the result of give/);
  });

  it('refuses what is no function, and results that cannot hold a report already in types', () => {
    expect(() => monitorPerformance('x' as never)).toThrow(InvalidArgumentError);
    // @ts-expect-error: a number cannot hold a report
    monitorPerformance(async () => 5);
    const list = monitorPerformance(async () => [1, 2]);
    expectTypeOf<Awaited<ReturnType<typeof list>>>().toBeNever();
  });
});
