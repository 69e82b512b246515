import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import { setupEnvironment } from '../../lib/environment.js';
import { InvalidArgumentError } from '../../lib/errors.js';

const NAMES = [
  ...['HF_HOME', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'TRANSFORMERS_CACHE', 'TOKENIZERS_PARALLELISM'],
  ...['CUDA_VISIBLE_DEVICES', 'HF_DATASETS_CACHE'],
];
const before = new Map(NAMES.map((name) => [name, process.env[name]]));
beforeEach(() => {
  for (const name of NAMES) delete process.env[name];
});
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

function configured(change: (config: Config) => void): Config {
  const config = new Config();
  config.paths.cacheDir = './none/of/these';
  change(config);
  return config;
}

const home = resolve('none/of/these');

describe('setupEnvironment', () => {
  it('sets the caches of the hub and the tokenizers, and returns just that', () => {
    const set = setupEnvironment(configured(() => {}));
    expect(set).toEqual({
      HF_HOME: home,
      HF_HUB_CACHE: join(home, 'hub'),
      TRANSFORMERS_CACHE: join(home, 'hub'),
      TOKENIZERS_PARALLELISM: 'false',
    });
    expect(process.env).toMatchObject(set);
    expect(existsSync('none')).toBe(false);
  });

  it('takes the defaults without a configuration', () => {
    expect(setupEnvironment().HF_HOME).toBe(resolve('model_cache'));
  });

  it('changes nothing that is set, and sets nothing twice', () => {
    Object.assign(process.env, { TOKENIZERS_PARALLELISM: 'true', TRANSFORMERS_CACHE: '', CUDA_VISIBLE_DEVICES: '' });
    const config = configured(({ hardware }) => Object.assign(hardware, { targetGpu: 1 }));
    expect(Object.keys(setupEnvironment(config))).toEqual(['HF_HOME', 'HF_HUB_CACHE']);
    expect(process.env).toMatchObject({
      TOKENIZERS_PARALLELISM: 'true',
      TRANSFORMERS_CACHE: '',
      CUDA_VISIBLE_DEVICES: '',
    });
    expect(setupEnvironment(config)).toEqual({});
  });

  it.each([
    [{ HF_HOME: '/h' }, join('/h', 'hub')],
    [{ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old' }, '/old'],
    [{ HF_HOME: '/h', HF_HUB_CACHE: '/new', HUGGINGFACE_HUB_CACHE: '/old' }, '/new'],
  ])('follows a cache that is set: %j', (set, hub) => {
    Object.assign(process.env, set);
    setupEnvironment(configured(() => {}));
    expect(process.env).toMatchObject({ HF_HUB_CACHE: hub, TRANSFORMERS_CACHE: hub });
  });

  it.each([
    [1, '1'],
    ['0', '0'],
    ['RTX 4060', undefined],
    [null, undefined],
  ])('shows CUDA the GPU %j', (targetGpu, visible) => {
    const config = configured(({ hardware }) => Object.assign(hardware, { targetGpu }));
    expect(setupEnvironment(config).CUDA_VISIBLE_DEVICES).toBe(visible);
    expect(process.env.CUDA_VISIBLE_DEVICES).toBe(visible);
  });

  it('leaves CUDA alone in a worker, where it could not reach the driver', async () => {
    const library = new URL('../../dist/index.js', import.meta.url).href;
    const text = `
      import('${library}').then(({ Config, setupEnvironment }) => {
        const config = new Config();
        config.hardware.targetGpu = 1;
        require('node:worker_threads').parentPort.postMessage(Object.keys(setupEnvironment(config)));
      });`;
    const worker = new Worker(text, { eval: true });
    const set = await new Promise((done, failed) => worker.once('message', done).once('error', failed));
    expect(set).toEqual(['HF_HOME', 'HF_HUB_CACHE', 'TRANSFORMERS_CACHE', 'TOKENIZERS_PARALLELISM']);
  });

  it.each([5, null, {}, 'config.yaml'])('refuses %j in place of a configuration', (config) => {
    expect(() => setupEnvironment(config as Config)).toThrow(InvalidArgumentError);
  });

  it('refuses a configuration with nonsense, and sets nothing', () => {
    const config = configured(({ paths }) => Object.assign(paths, { cacheDir: 5 }));
    expect(() => setupEnvironment(config)).toThrow(/paths\.cacheDir but received 5/);
    expect(process.env.HF_HOME).toBeUndefined();
  });
});
