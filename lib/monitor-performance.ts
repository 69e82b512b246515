/** Measures a function of the caller's each time it is called. */

import { checkFunction, checkString, fail, reading } from './check.js';

export interface PerformanceReport {
  /** Seconds from the call to the result. */
  executionTime: number;
  /**
   * GB by which the memory of the process has grown meanwhile, what ran beside it included; below 0 when it has shrunk.
   * Memory of GPUs does not count: `ModelManager.getModelInfo` tells it.
   */
  memoryUsed: number;
  /** "anonymous" for a function without a name. */
  functionName: string;
}

/** Results that a report can be put into: objects, not arrays. */
export type MonitoredResult<R> = R extends readonly unknown[] ? never : R & { performance: PerformanceReport };

const GB = 1024 ** 3;

/**
 * A function that does the same and adds `performance` to a copy of the result. `this`, arguments and name stay; what the
 * function throws is passed on. A function that returns a `Generation` gives its result, no stream.
 *
 * @example
 * const read = monitorPerformance((image: string) => vision.extractText(image));
 * const { response, performance } = await read('page.png');
 *
 * @param fn async; it results in a plain object, for arrays and text: `async () => ({ results: await … })`
 * @throws InvalidArgumentError when it is no function; the call rejects with it when the result is no plain object
 */
export function monitorPerformance<This, Args extends unknown[], R extends object>(
  fn: (this: This, ...args: Args) => PromiseLike<R>,
): (this: This, ...args: Args) => Promise<MonitoredResult<R>> {
  checkFunction('fn', fn);
  const name = reading('fn cannot be read', () => checkString('the name of fn', fn.name));
  const functionName = name.replace(/^(?:bound )+/, '') || 'anonymous';
  const monitored = async function (this: This, ...args: Args): Promise<MonitoredResult<R>> {
    const memory = process.memoryUsage.rss();
    const start = performance.now();
    const result = await Reflect.apply(fn, this, args);
    const executionTime = (performance.now() - start) / 1000;
    const memoryUsed = (process.memoryUsage.rss() - memory) / GB;
    const report: PerformanceReport = { executionTime, memoryUsed, functionName };
    return reading(`the result of ${functionName} cannot be read`, () => {
      if (!isPlainObject(result)) fail(`the result of ${functionName}`, 'a plain object', result);
      return { ...result, performance: report } as MonitoredResult<R>;
    });
  };
  return Object.defineProperty(monitored, 'name', { value: name });
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
