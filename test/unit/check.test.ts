import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as check from '../../lib/check.js';
import { Config } from '../../lib/config.js';
import { defaultsOf } from '../../lib/config-schema.js';
import { InvalidArgumentError, ModelNotFoundError } from '../../lib/errors.js';
import { resolveParameters, toNativeSampling } from '../../lib/generation-parameters.js';
import { locateModel } from '../../lib/model-path.js';

describe('a check names what it expected, where, and what it got', () => {
  const failing: [() => unknown, string][] = [
    [() => check.checkNumber('a', '1', { min: 0 }), 'Expected a number of at least 0 for a but received "1"'],
    [() => check.checkNumber('a', Number.NaN), 'Expected a number for a but received NaN'],
    [
      () => check.checkNumber('a', 0, { above: 0, max: 1 }),
      'Expected a number above 0 and up to 1 for a but received 0',
    ],
    [() => check.checkInteger('a', 1.5, { min: 1, max: 9 }), 'Expected an integer from 1 to 9 for a but received 1.5'],
    [() => check.checkInteger('a', 2 ** 60), 'Expected an integer for a but received 1152921504606847000'],
    [() => check.checkBoolean('a', 1), 'Expected true or false for a but received 1'],
    [() => check.checkString('a', null), 'Expected a string for a but received null'],
    [() => check.checkText('a', ' \n'), 'Expected a text that is not empty for a but received " \\n"'],
    [() => check.checkOneOf('a', 'z', ['x', 'y']), 'Expected one of "x", "y" for a but received "z"'],
    [() => check.checkFunction('a', [1]), 'Expected a function for a but received an array of 1'],
    [() => check.checkSignal('a', new Map()), 'Expected an AbortSignal for a but received a Map'],
    [() => check.checkPath('a', 'b\0c'), 'Expected a path for a but received "b\\u0000c"'],
    [
      () => check.checkArray('a', [1, 2, 3], 2),
      'Expected an array of at most 2 items for a but received an array of 3',
    ],
    [() => check.checkInstance('a', {}, Config, 'a Config'), 'Expected a Config for a but received an object'],
    [() => check.checkCallback('a', 5), 'Expected a function for a but received 5'],
    [() => check.checkOptions('options', 'x' as never, []), 'Expected an object for options but received "x"'],
    [() => check.checkOptions('options', { b: 1 }, ['a']), 'Unknown option "b" in options: known are a'],
  ];
  it.each(failing)('%s', (call, message) => {
    expect(call).toThrow(InvalidArgumentError);
    expect(call).toThrow(expect.objectContaining({ message }));
  });

  it('shows any value in a short line', () => {
    const values = ['x'.repeat(500), -0, 1n, Symbol('s'), () => 1, Object.create(null), new Date(), undefined];
    for (const value of values) expect(check.show(value)).toMatch(/^.{1,90}$/);
  });
});

describe('values that throw when they are read', () => {
  const mine = new Error('mine');
  const fail = () => {
    throw mine;
  };
  const hostile = new Proxy({}, { getPrototypeOf: fail, ownKeys: fail, get: fail });
  const { proxy: revoked, revoke } = Proxy.revocable<object>({}, {});
  revoke();

  it('can be shown', () => {
    for (const value of [hostile, revoked]) expect(check.show(value)).toBe('an object that cannot be read');
  });

  it('are no instances', () => {
    expect(check.isInstance(hostile, Config)).toBe(false);
    expect(() => check.checkSignal('signal', revoked)).toThrow(InvalidArgumentError);
  });

  it('are refused as options and arrays, with what they threw as the cause', () => {
    const getter = Object.defineProperty({}, 'a', { get: fail, enumerable: true });
    const items = Object.defineProperty([], 0, { get: fail, enumerable: true });
    for (const call of [
      () => check.checkOptions('options', getter, ['a']),
      () => check.checkOptions('options', hostile, ['a']),
      () => check.checkArray('items', items, 5),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', cause: mine }));
    }
  });

  it('keep a typed error as it is', () => {
    const typed = new ModelNotFoundError('x');
    const read = () => {
      throw typed;
    };
    expect(() => check.reading('x', read)).toThrow(typed);
  });
});

describe('options', () => {
  it('are copied, each read once', () => {
    let reads = 0;
    const options = {
      get topK() {
        return ++reads;
      },
    };
    const { topK } = check.checkOptions('options', options, ['topK']);
    expect([topK, reads]).toEqual([1, 1]);
  });

  it('count where they are their own, not where they are inherited', () => {
    expect(check.checkOptions('options', Object.create({ topK: 5 }) as { topK?: number }, ['topK'])).toEqual({});
  });
});

describe('generation parameters', () => {
  const defaults = defaultsOf('generation');

  it('come from the configuration where the call gives none', () => {
    const { parameters } = resolveParameters(defaults, { topK: 3, stop: 'x', temperature: undefined });
    expect(parameters).toMatchObject({ maxTokens: 256, temperature: 0.7, topK: 3, stop: ['x'], doSample: true });
    expect(parameters.seed).toBeGreaterThanOrEqual(0);
  });

  it('honour temperature 0 and doSample false as greedy', () => {
    const native = (options: object) => toNativeSampling(resolveParameters(defaults, options).parameters, 64);
    expect(native({ temperature: 0 }).temperature).toBe(0);
    expect(native({ doSample: false, temperature: 1 }).temperature).toBe(0);
    expect(native({ temperature: 1 })).toMatchObject({ temperature: 1, penaltyLastN: 64 });
  });

  it('draw another seed each time', () => {
    const seeds = Array.from({ length: 20 }, () => resolveParameters(defaults, {}).parameters.seed);
    expect(new Set(seeds).size).toBeGreaterThan(15);
  });
});

describe('the model file', () => {
  let folder: string;
  let config: Config;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'model-path-'));
    config = new Config();
    config.model.name = 'some/model';
    config.paths.cacheDir = folder;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is the path where one is given', async () => {
    config.model.path = join(folder, 'a.gguf');
    writeFileSync(config.model.path, '');
    expect(await locateModel(config)).toEqual({ path: config.model.path, projector: null });
  });

  it('is found in the cache by name and type, the exact type first', async () => {
    const [exact, plain] = [join(folder, 'some--model.Q4_K_M.gguf'), join(folder, 'some--model.gguf')];
    writeFileSync(plain, '');
    expect((await locateModel(config)).path).toBe(plain);
    writeFileSync(exact, '');
    expect((await locateModel(config)).path).toBe(exact);
  });

  it('is asked for where there is none', async () => {
    await expect(locateModel(config)).rejects.toThrow(ModelNotFoundError);
    await expect(locateModel(config)).rejects.toThrow(
      /"some\/model".*bllossom convert .*some--model\.Q4_K_M\.gguf --type Q4_K_M/,
    );
    mkdirSync(join(folder, 'some--model.gguf'));
    await expect(locateModel(config)).rejects.toThrow(ModelNotFoundError);
  });

  it('does not leave the cache by its name', async () => {
    config.model.name = '../../etc/passwd';
    await expect(locateModel(config)).rejects.toThrow(/\.\.--\.\.--etc--passwd/);
  });
});
