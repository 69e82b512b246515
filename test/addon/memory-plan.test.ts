import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Config } from '../../lib/config.js';
import { OutOfMemoryError } from '../../lib/errors.js';
import { ModelManager } from '../../lib/model-manager.js';
import type { NativeMemory } from '../../lib/native/binding.js';
import { tinyModel } from '../support/model.js';

const total = ({ weights, selfCache, crossCache, compute }: NativeMemory) => weights + selfCache + crossCache + compute;

const model = await tinyModel();

function managerWith(hardware: Partial<Config['hardware']>, path = model): ModelManager {
  const config = new Config();
  config.model.path = path;
  Object.assign(config.hardware, hardware);
  return new ModelManager(config);
}

test.each([
  {},
  { kvCacheType: 'auto' as const },
  { contextSize: 512 },
  { contextSize: 4096, maxImages: 1 },
  { maxImages: 16, kvCacheType: 'f32' as const },
  { threads: 1 },
])('the plan is what a load takes: %o', async (hardware) => {
  const manager = managerWith(hardware);
  const plan = await manager.planMemory();
  expect(manager.isLoaded).toBe(false);
  expect(await manager.loadModel()).toBe(true);
  const { memory, contextSize, maxImages } = manager.requireModel().info;
  await manager.unloadModel();
  const { weights, selfCache, crossCache, compute, device } = memory;
  expect(plan).toMatchObject({ weights, selfCache, crossCache, device, contextSize, maxImages });
  expect(plan.compute).toBeGreaterThanOrEqual(compute); // the work buffer of the CPU is beside what the engine can tell
  expect(total(plan)).toBeLessThan(1.1 * total(memory));
});

test('the plan says what lies on which device, within its limit', async () => {
  const plan = await managerWith({ maxMemoryUsage: 0.5 }).planMemory();
  const cpu = plan.devices.at(-1);
  expect(cpu).toMatchObject({ name: 'CPU', type: 'cpu' });
  for (const device of plan.devices) {
    const { weights, vision, selfCache, crossCache, compute, reserve, limit, memoryFree, memoryTotal } = device;
    expect(weights + vision + selfCache + crossCache + compute + reserve).toBeLessThanOrEqual(limit);
    expect(limit).toBeLessThanOrEqual(0.5 * memoryFree);
    expect(memoryFree).toBeLessThanOrEqual(memoryTotal);
  }
  const sum = (of: (device: (typeof plan.devices)[number]) => number) =>
    plan.devices.map(of).reduce((a, b) => a + b, 0);
  expect(sum(({ weights, vision }) => weights + vision)).toBe(plan.weights);
  expect(sum(({ selfCache }) => selfCache)).toBe(plan.selfCache);
  expect(sum(({ layers }) => layers)).toBe(6);
  expect(sum(({ type, layers }) => (type === 'gpu' ? layers : 0))).toBe(plan.gpuLayers);
});

test('what does not fit is refused before it begins, with what would fit', async () => {
  const manager = managerWith({ contextSize: 1 << 20, maxMemoryUsage: 0.005 });
  const failure: unknown = await manager.planMemory().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(OutOfMemoryError);
  const { needed, available, wouldFit, message } = failure as OutOfMemoryError;
  expect(needed).toBeGreaterThan(available ?? Number.POSITIVE_INFINITY);
  expect(wouldFit).toEqual({ contextSize: expect.any(Number) });
  expect(message).toMatch(/MiB .* may be used .* it fits with contextSize/);

  expect(await manager.loadModel()).toBe(false);
  expect(manager.lastError).toMatchObject({ code: 'ERR_OUT_OF_MEMORY', wouldFit });
  const fitting = managerWith({ contextSize: wouldFit?.contextSize ?? 0, maxMemoryUsage: 0.005 });
  expect(await fitting.loadModel()).toBe(true);
  expect(await fitting.healthCheck()).toBe(true);
  await fitting.unloadModel();
});

test('heads that are no whole blocks refuse a cache of Q8_0, and auto does without it', async () => {
  await expect(managerWith({ kvCacheType: 'q8_0' }).planMemory()).rejects.toThrow(/kvCacheType q8_0.*use f16/);
  expect((await managerWith({ kvCacheType: 'auto' }).planMemory()).kvCacheType).toBe('f16');
});

test('more context, more images and wider caches are planned for', async () => {
  const planned = async (hardware: Partial<Config['hardware']>) => managerWith(hardware).planMemory();
  const one = await planned({ contextSize: 1024, maxImages: 1 });
  const two = await planned({ contextSize: 2048, maxImages: 2 });
  const wide = await planned({ contextSize: 1024, maxImages: 1, kvCacheType: 'f32' });
  expect(two.selfCache).toBe(2 * one.selfCache);
  expect(two.crossCache).toBe(2 * one.crossCache);
  expect(wide.selfCache).toBe(2 * one.selfCache);
  expect(wide.weights).toBe(one.weights);
});

test('a plan takes nothing of what it plans', async () => {
  const before = process.memoryUsage().rss;
  const plan = await managerWith({ contextSize: 1 << 20, kvCacheType: 'f32' }).planMemory();
  expect(plan.selfCache).toBeGreaterThan(5e8);
  expect(process.memoryUsage().rss - before).toBeLessThan(64e6);
});

test('a file that cannot be loaded cannot be planned', async () => {
  await expect(managerWith({}, '/no/such.gguf').planMemory()).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  await expect(managerWith({}, fileURLToPath(import.meta.url)).planMemory()).rejects.toMatchObject({
    code: 'ERR_MODEL_FORMAT',
  });
});
