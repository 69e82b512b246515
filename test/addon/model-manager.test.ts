import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import {
  ClosedError,
  InvalidArgumentError,
  InvalidOptionError,
  ModelFormatError,
  ModelNotFoundError,
  ModelNotLoadedError,
} from '../../lib/errors.js';
import { getModelManager, type LoadModelOptions, ModelManager } from '../../lib/model-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { withModel } from '../../lib/with-model.js';
import { endless, ROOT, temporaryFolder, tinyModel } from '../support/model.js';

let path: string;
beforeAll(async () => {
  path = await tinyModel();
});

function configured(change: (config: Config) => void = () => {}): Config {
  const config = new Config();
  config.model.path = path;
  config.hardware.threads = 1;
  change(config);
  return config;
}

const managed = (change?: (config: Config) => void) => new ModelManager(configured(change));
const missing = (config: Config) => Object.assign(config.model, { path: join(temporaryFolder(), 'none.gguf') });

describe('what a manager tells', () => {
  it('before, with and after a model', async () => {
    const manager = managed();
    const empty = { isLoaded: false, model: null, processor: null, device: null, lastError: null };
    expect(manager).toMatchObject(empty);
    expect(manager.getModelInfo()).toEqual({
      ...{ status: 'not_loaded', modelName: manager.config.model.name, device: null, quantization: null },
      ...{ vramAllocated: 0, vramTotal: 0, ramAllocated: 0, architecture: null },
    });
    expect(() => manager.requireModel()).toThrow(ModelNotLoadedError);
    await manager.clearMemory();

    expect(await manager.loadModel()).toBe(true);
    expect(manager).toMatchObject({ isLoaded: true, device: 'cpu', lastError: null });
    const info = manager.getModelInfo();
    expect(info).toMatchObject({ status: 'loaded', device: 'cpu', quantization: 'F32', vramAllocated: 0 });
    expect(info.ramAllocated).toBeGreaterThan(0);
    expect(info.architecture?.threads).toBe(1);
    expect(manager.processor?.tokenize('hello').length).toBeGreaterThan(0);
    await manager.clearMemory();
    expect(manager.isLoaded).toBe(true);
    expect(await manager.healthCheck()).toBe(true);

    await manager.unloadModel();
    expect(manager).toMatchObject(empty);
  });

  it('makes no folders', async () => {
    const cache = join(temporaryFolder(), 'cache');
    const manager = managed(({ model, paths }) => {
      Object.assign(model, { path: null });
      Object.assign(paths, { cacheDir: cache, logDir: cache, outputDir: cache });
    });
    expect(await manager.loadModel()).toBe(false);
    expect(existsSync(cache)).toBe(false);
  });
});

describe('misuse', () => {
  it.each([null, 5, 'config.yaml', { model: {} }])('%j is no configuration', (config) => {
    expect(() => new ModelManager(config as Config)).toThrow(InvalidArgumentError);
    expect(() => getModelManager(config as Config)).toThrow(InvalidArgumentError);
  });

  it.each([
    [{ onProgres: () => {} }, /Unknown option "onProgres"/],
    [{ onProgress: 5 }, /a function for onProgress/],
    [{ signal: {} }, /an AbortSignal for signal/],
    [5, /an object for options/],
  ])('%j as options rejects', async (options, message) => {
    const manager = managed();
    await expect(manager.loadModel(options as LoadModelOptions)).rejects.toThrow(message);
    await expect(manager.loadModel(options as LoadModelOptions)).rejects.toBeInstanceOf(InvalidOptionError);
    expect(manager.isLoaded).toBe(false);
  });
});

describe('a load that fails', () => {
  const failing: [string, (config: Config) => void, new (message: string) => Error, RegExp][] = [
    ['no file', missing, ModelNotFoundError, /none\.gguf/],
    [
      'no model',
      ({ model }) => Object.assign(model, { path: join(ROOT, 'package.json') }),
      ModelFormatError,
      /GGUF|magic/i,
    ],
    ['nonsense', (config) => Object.assign(config.hardware, { threads: 0 }), InvalidArgumentError, /hardware\.threads/],
    [
      'too large a share',
      ({ hardware }) => Object.assign(hardware, { maxMemoryUsage: 2 }),
      InvalidArgumentError,
      /hardware\.maxMemoryUsage/,
    ],
    ['a gone section', (config) => Object.assign(config, { paths: null }), InvalidArgumentError, /for paths/],
    [
      'no such device',
      ({ model }) => Object.assign(model, { deviceMap: 'toaster' }),
      InvalidArgumentError,
      /"toaster"/,
    ],
  ];
  it.each(failing)('tells why: %s', async (_, change, type, message) => {
    const manager = managed(change);
    expect(await manager.loadModel()).toBe(false);
    expect(manager.lastError).toBeInstanceOf(type);
    expect(manager.lastError?.message).toMatch(message);
    expect(manager.isLoaded).toBe(false);
  });

  it('is forgotten by one that succeeds', async () => {
    const manager = managed(missing);
    expect(await manager.loadModel()).toBe(false);
    manager.config.model.path = path;
    expect(await manager.loadModel()).toBe(true);
    expect(manager.lastError).toBeNull();
    await manager.unloadModel();
  });

  it('tells everyone who waits, and none of them sees the reason cleared by the retry of another', async () => {
    const manager = managed(missing);
    const seen = await Promise.all(
      Array.from({ length: 3 }, async () => {
        await manager.loadModel();
        const reason = manager.lastError;
        manager.config.model.path = path;
        const retried = await manager.loadModel();
        return [reason?.constructor, retried];
      }),
    );
    expect(seen).toEqual(Array.from({ length: 3 }, () => [ModelNotFoundError, true]));
    await manager.unloadModel();
  });
});

describe('healthCheck', () => {
  it('without a model says so in lastError', async () => {
    const manager = managed();
    expect(await manager.healthCheck()).toBe(false);
    expect(manager.lastError).toBeInstanceOf(ModelNotLoadedError);
  });

  it('during an unloading says so, and a later one that works clears it', async () => {
    const manager = managed(({ hardware }) => Object.assign(hardware, { maxBatchSize: 1 }));
    await manager.loadModel();
    const ahead = endless({ engine: manager.requireModel().engine }); // so that the check waits for its turn
    ahead.catch(() => {});
    const [healthy] = await Promise.all([manager.healthCheck(), manager.unloadModel()]);
    expect(healthy).toBe(false);
    await expect(ahead).rejects.toBeInstanceOf(ClosedError);
    expect(manager.lastError).toBeInstanceOf(ClosedError);
    await manager.loadModel();
    expect(manager.lastError).toBeNull();
    await manager.unloadModel();
  });

  it('works beside a generation', async () => {
    const manager = managed();
    await manager.loadModel();
    const generation = endless({ engine: manager.requireModel().engine });
    expect(await manager.healthCheck()).toBe(true);
    generation.cancel();
    await expect(generation).rejects.toThrow();
    await manager.unloadModel();
  });
});

describe('callers that share a load', () => {
  it('wait for one, each with its own progress', async () => {
    const manager = managed();
    const progress: number[][] = [[], [], []];
    const loads = progress.map((list) => manager.loadModel({ onProgress: (value) => list.push(value) }));
    expect(await Promise.all(loads)).toEqual([true, true, true]);
    expect(progress[0]?.length).toBeGreaterThan(0);
    expect(progress[0]?.at(-1)).toBe(1);
    expect(progress[1]).toEqual(progress[0]);
    expect(progress[2]).toEqual(progress[0]);
    await manager.unloadModel();
  });

  it('are not ended by the first, whose signal aborts', async () => {
    const manager = managed();
    const first = new AbortController();
    const reason = new Error('enough');
    const one = manager.loadModel({ signal: first.signal });
    const other = manager.loadModel();
    first.abort(reason);
    expect(await one).toBe(false);
    expect(manager.lastError).toBe(reason);
    expect(await other).toBe(true);
    expect(manager.isLoaded).toBe(true);
    await manager.unloadModel();
  });

  it('end it when all of them gave up; it leaves nothing, and the next load is a new one', async () => {
    const manager = managed();
    const controllers = [new AbortController(), new AbortController()];
    const loads = controllers.map(({ signal }) => manager.loadModel({ signal }));
    for (const controller of controllers) controller.abort();
    const next = manager.loadModel();
    expect(await Promise.all(loads)).toEqual([false, false]);
    expect(manager.lastError?.name).toBe('AbortError');
    expect(await next).toBe(true);
    expect(await manager.healthCheck()).toBe(true);
    await manager.unloadModel();
  });

  it('get the error that their own progress callback throws, as it is', async () => {
    const manager = managed();
    const mine = new RangeError('mine');
    const one = manager.loadModel({
      onProgress: () => {
        throw mine;
      },
    });
    const other = manager.loadModel();
    expect(await one).toBe(false);
    expect(manager.lastError).toBe(mine);
    expect(await other).toBe(true);
    await manager.unloadModel();
  });

  it('a thrown value that is no error becomes the cause of one', async () => {
    const manager = managed();
    const loaded = await manager.loadModel({
      onProgress: () => {
        throw 'words';
      },
    });
    expect(loaded).toBe(false);
    expect(manager.lastError).toMatchObject({ name: 'AbortError', code: 'ERR_CANCELLED', cause: 'words' });
    expect(manager.isLoaded).toBe(false);
  });

  it('a callback that aborts its own signal and throws gives up once', async () => {
    const manager = managed();
    const controller = new AbortController();
    const one = manager.loadModel({
      signal: controller.signal,
      onProgress: () => {
        controller.abort();
        throw new Error('late');
      },
    });
    const other = manager.loadModel();
    expect(await one).toBe(false);
    expect(manager.lastError?.name).toBe('AbortError');
    expect(await other).toBe(true);
    await manager.unloadModel();
  });

  it('a signal that has aborted starts nothing', async () => {
    const manager = managed();
    expect(await manager.loadModel({ signal: AbortSignal.abort(new Error('no')) })).toBe(false);
    expect(manager.lastError?.message).toBe('no');
    expect(manager.isLoaded).toBe(false);
  });

  it('aborting at every moment of a load ends in one of two ways, and the manager works on', async () => {
    const manager = managed();
    for (let turns = 0; turns < 40; turns++) {
      const controller = new AbortController();
      const load = manager.loadModel({ signal: controller.signal });
      if (turns < 20) for (let i = 0; i < turns; i++) await Promise.resolve();
      else for (let i = 20; i < turns; i++) await new Promise((done) => setImmediate(done));
      controller.abort();
      expect(await load).toBe(manager.isLoaded);
      await manager.unloadModel();
    }
    expect(await manager.loadModel()).toBe(true);
    await manager.unloadModel();
  });
});

describe('changes of state', () => {
  it('loading twice keeps the model', async () => {
    const manager = managed();
    await manager.loadModel();
    const { model } = manager;
    expect(await manager.loadModel()).toBe(true);
    expect(manager.model).toBe(model);
    await manager.unloadModel();
  });

  it('unloading nothing, twice, and at once is harmless', async () => {
    const manager = managed();
    await manager.unloadModel();
    await manager.loadModel();
    await Promise.all([manager.unloadModel(), manager.unloadModel()]);
    await manager.unloadModel();
    expect(manager.isLoaded).toBe(false);
  });

  it('unloading ends a load under way', async () => {
    const manager = managed();
    const load = manager.loadModel();
    await manager.unloadModel();
    expect(await load).toBe(false);
    expect(manager.lastError).toBeInstanceOf(ClosedError);
    expect(manager.isLoaded).toBe(false);
  });

  it('a load during an unloading waits for it', async () => {
    const manager = managed();
    await manager.loadModel();
    const { model } = manager;
    const unloading = manager.unloadModel();
    expect(manager.isLoaded).toBe(false);
    expect(await manager.loadModel()).toBe(true);
    await unloading;
    expect(manager.model).not.toBe(model);
    expect(await manager.healthCheck()).toBe(true);
    await manager.unloadModel();
  });

  it('a load that waits for an unloading can be aborted, and is ended by a later unloading', async () => {
    const manager = managed();
    await manager.loadModel();
    const controller = new AbortController();
    const unloading = manager.unloadModel();
    const aborted = manager.loadModel({ signal: controller.signal });
    const overtaken = manager.loadModel();
    controller.abort();
    const again = manager.unloadModel();
    expect(await aborted).toBe(false);
    expect(await overtaken).toBe(false);
    expect(manager.lastError).toBeInstanceOf(ClosedError);
    await Promise.all([unloading, again]);
    expect(manager.isLoaded).toBe(false);
  });

  it('unloading ends open generations', async () => {
    const manager = managed();
    await manager.loadModel();
    const generation = new TextGenerator(manager).generate('hello', { maxTokens: 2000 });
    await manager.unloadModel();
    await expect(generation).rejects.toSatisfy(
      (error) => error instanceof ClosedError || error instanceof ModelNotLoadedError,
    );
  });

  it('a hundred at random end as the last one asks', async () => {
    const manager = managed();
    let state = 7;
    for (let round = 0; round < 10; round++) {
      const calls: Promise<unknown>[] = [];
      let last = '';
      for (let i = 0; i < 10; i++) {
        state = (state * 1103515245 + 12345) % 2 ** 31;
        last = ['load', 'unload', 'clear', 'health'][Math.floor(state / 65536) % 4] as string;
        if (last === 'load') calls.push(manager.loadModel());
        if (last === 'unload') calls.push(manager.unloadModel());
        if (last === 'clear')
          calls.push(manager.clearMemory().catch((error) => expect(error).toBeInstanceOf(ClosedError)));
        if (last === 'health') calls.push(manager.healthCheck());
        if (state % 3 === 0) await new Promise((done) => setImmediate(done));
      }
      calls.push(round % 2 ? manager.loadModel() : manager.unloadModel());
      await Promise.all(calls);
      expect(manager.isLoaded).toBe(round % 2 === 1);
    }
    await manager.unloadModel();
  });

  it('await using frees the model', async () => {
    const manager = managed();
    {
      await using scoped = manager;
      expect(await scoped.loadModel()).toBe(true);
    }
    expect(manager.isLoaded).toBe(false);
  });
});

describe('getModelManager', () => {
  afterAll(() => getModelManager().unloadModel());

  it('gives the same manager, with the configuration of the first call', () => {
    const config = configured();
    const manager = getModelManager(config);
    expect(getModelManager()).toBe(manager);
    expect(getModelManager(config)).toBe(manager);
    expect(manager.config).toBe(config);
  });

  it('lets another configuration take over while nothing is loaded', () => {
    const manager = getModelManager();
    const other = configured(({ generation }) => Object.assign(generation, { topK: 3 }));
    expect(getModelManager(other)).toBe(manager);
    expect(manager.config).toBe(other);
  });

  it('refuses another one while a model is loaded, loading or unloading, but not an equal one', async () => {
    const manager = getModelManager(configured());
    const { config } = manager;
    const other = configured(({ generation }) => Object.assign(generation, { topK: 4 }));
    const loading = manager.loadModel();
    expect(() => getModelManager(other)).toThrow(InvalidArgumentError);
    expect(await loading).toBe(true);
    expect(() => getModelManager(other)).toThrow(/unloadModel\(\) first/);
    expect(getModelManager(configured())).toBe(manager);
    expect(getModelManager().config).toBe(config);
    const unloading = manager.unloadModel();
    expect(() => getModelManager(other)).toThrow(InvalidArgumentError);
    await unloading;
    expect(getModelManager(other).config).toBe(other);
  });
});

describe('withModel', () => {
  it('loads, gives what the function returns, and frees', async () => {
    let inside: ModelManager | undefined;
    const answer = await withModel(configured(), async (manager) => {
      inside = manager;
      return (await new TextGenerator(manager).generate('hello', { maxTokens: 2 })).outputTokens;
    });
    expect(answer).toBeGreaterThan(0);
    expect(inside?.isLoaded).toBe(false);
  });

  it('takes a manager, loaded or not, and frees its model', async () => {
    const manager = managed();
    expect(await withModel(manager, (given) => given === manager && manager.isLoaded)).toBe(true);
    expect(manager.isLoaded).toBe(false);
    await manager.loadModel();
    const { model } = manager;
    expect(await withModel(manager, () => manager.model === model)).toBe(true);
    expect(manager.isLoaded).toBe(false);
  });

  it('frees when the function throws, at once or later', async () => {
    const manager = managed();
    const mine = new Error('mine');
    const throws = () => {
      throw mine;
    };
    await expect(withModel(manager, throws)).rejects.toBe(mine);
    expect(manager.isLoaded).toBe(false);
    await expect(withModel(manager, () => Promise.reject(mine))).rejects.toBe(mine);
    expect(manager.isLoaded).toBe(false);
  });

  it('rejects with the reason when loading fails, without calling the function', async () => {
    let called = false;
    const load = withModel(configured(missing), () => {
      called = true;
    });
    await expect(load).rejects.toBeInstanceOf(ModelNotFoundError);
    expect(called).toBe(false);
  });

  it('passes progress on, and rejects with the reason of the signal', async () => {
    const values: number[] = [];
    await withModel(configured(), () => {}, { onProgress: (value) => values.push(value) });
    expect(values.at(-1)).toBe(1);
    const controller = new AbortController();
    const manager = managed();
    const load = withModel(manager, () => {}, { signal: controller.signal });
    controller.abort();
    await expect(load).rejects.toBe(controller.signal.reason);
    expect(manager.isLoaded).toBe(false);
  });

  it('of several on one manager the last frees it', async () => {
    const manager = managed();
    const loaded = await Promise.all(
      [0, 20, 60].map((wait) =>
        withModel(manager, async () => {
          await new Promise((done) => setTimeout(done, wait));
          return manager.isLoaded;
        }),
      ),
    );
    expect(loaded).toEqual([true, true, true]);
    expect(manager.isLoaded).toBe(false);
  });

  it('refuses wrong arguments, and still frees after wrong options', async () => {
    await expect(withModel(5 as unknown as Config, () => {})).rejects.toThrow(/a Config or a ModelManager for source/);
    await expect(withModel(configured(), 5 as unknown as () => void)).rejects.toThrow(/a function for callback/);
    const manager = managed();
    await manager.loadModel();
    await expect(withModel(manager, () => {}, { bad: 1 } as LoadModelOptions)).rejects.toThrow(/Unknown option "bad"/);
    expect(manager.isLoaded).toBe(false);
  });
});
