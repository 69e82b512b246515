import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import { ContextFullError } from '../../lib/errors.js';
import { ModelManager } from '../../lib/model-manager.js';
import { Engine } from '../../lib/native/engine.js';
import { loadNative } from '../../lib/native/load.js';
import { GREEDY, loadedManager, loadOptions, ROOT, tinyImages, tinyModel } from '../support/model.js';

interface Golden {
  cases: { name: string; input_ids: number[]; images: string[] }[];
}

const goldens = JSON.parse(
  readFileSync(join(ROOT, 'test', 'fixtures', 'goldens', 'a', 'goldens.json'), 'utf8'),
) as Golden;

async function withManager<T>(change: (config: Config) => void, work: (manager: ModelManager) => Promise<T>) {
  const manager = await loadedManager(change);
  try {
    return await work(manager);
  } finally {
    await manager.unloadModel();
  }
}

/** Logits of a prompt that has text before its image. */
async function logits(manager: ModelManager): Promise<Float32Array> {
  const { engine, processor } = manager.requireModel();
  const golden = goldens.cases.find(({ name }) => name === 'two-tiles-text-before');
  if (!golden) throw new Error('the golden case is missing');
  const image = tinyImages().find((path) => path.endsWith(`${golden.images[0]}.png`)) as string;
  const prompt = [{ tokens: Int32Array.from(golden.input_ids) }];
  return (await engine.evaluate({ prompt, images: [await processor.prepareImage(image)], chunk: 0 })).logits;
}

describe('options of the model', () => {
  it('crossRowMode decides what text before an image does', async () => {
    const [hf, again, meta] = await Promise.all([
      withManager(() => {}, logits),
      withManager((config) => Object.assign(config.model, { crossRowMode: 'hf' }), logits),
      withManager((config) => Object.assign(config.model, { crossRowMode: 'meta' }), logits),
    ]);
    expect(again).toEqual(hf);
    expect(meta).not.toEqual(hf);
  });

  it('kvCacheType f32 doubles the caches', async () => {
    const caches = async (manager: ModelManager) => manager.requireModel().engine.memory();
    const half = await withManager(() => {}, caches);
    const full = await withManager((config) => Object.assign(config.hardware, { kvCacheType: 'f32' }), caches);
    expect(full.selfCache / half.selfCache).toBeCloseTo(2, 1);
    expect(full.crossCache / half.crossCache).toBeCloseTo(2, 1);
  });

  it('maxImages limits the images of one request', async () => {
    await withManager(
      (config) => Object.assign(config.hardware, { maxImages: 1 }),
      async (manager) => {
        const { engine, processor, info } = manager.requireModel();
        const image = await processor.prepareImage(tinyImages()[0] as string);
        const places = (count: number) => Array.from({ length: count }, () => ({ special: info.imageToken }));
        const request = (count: number) => ({
          ...{ prompt: places(count), images: Array.from({ length: count }, () => image), maxTokens: 1 },
          ...{
            sampling: GREEDY,
            stop: [],
            ignoreEos: true,
            grammar: null,
            logprobs: -1,
            reusePrompt: true,
            promptLookup: 0,
            credit: 1,
          },
        });
        await expect(engine.generate(request(2)).done).rejects.toBeInstanceOf(ContextFullError);
        expect((await engine.generate(request(1)).done).tokens).toHaveLength(1);
      },
    );
  });

  it.each([
    [{ memoryShare: 0 }, /memoryShare is 0, but must be above 0 and up to 1/],
    [{ memoryShare: 1.5 }, /memoryShare is 1.5/],
    [{ memoryShare: Number.NaN }, /memoryShare is nan/],
    [{ gpuBytes: -1 }, /gpuBytes is -1, but must be at least 0/],
  ])('the engine refuses %j', async (limits, message) => {
    const engine = new Engine(loadNative());
    await expect(engine.load({ ...loadOptions(await tinyModel()), ...limits })).rejects.toThrow(message);
    engine.close();
  });

  it('targetGpu and its limits change nothing where there is no GPU to choose', async () => {
    const limits = { targetGpu: 'RTX 4060', targetVramGb: 0.001, maxMemoryUsage: 0.01 };
    await withManager(
      (config) => Object.assign(config.hardware, limits) && Object.assign(config.model, { deviceMap: 'cpu' }),
      async (manager) => {
        expect(manager.device).toBe('cpu');
        expect(await manager.healthCheck()).toBe(true);
      },
    );
  });

  it('refuses a crossRowMode that does not exist, by name', async () => {
    const config = new Config();
    Object.assign(config.model, { path: await tinyModel(), crossRowMode: 'both' });
    const manager = new ModelManager(config);
    expect(await manager.loadModel()).toBe(false);
    expect(manager.lastError?.message).toMatch(/crossRowMode.*both/);
  });
});
