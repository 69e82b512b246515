import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Config } from '../../lib/config.js';
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
  { contextSize: 512 },
  { contextSize: 4096, maxImages: 1 },
  { maxImages: 16, kvCacheType: 'f32' as const },
  { threads: 1 },
])('the plan is what a load takes: %o', async (hardware) => {
  const manager = managerWith(hardware);
  const plan = await manager.planMemory();
  expect(manager.isLoaded).toBe(false);
  expect(await manager.loadModel()).toBe(true);
  const { weights, selfCache, crossCache, compute, device } = manager.requireModel().info.memory;
  await manager.unloadModel();
  expect(plan).toMatchObject({ weights, selfCache, crossCache, device });
  expect(plan.compute).toBeGreaterThanOrEqual(compute); // the work buffer of the CPU is beside what the engine can tell
  expect(total(plan)).toBeLessThan(1.1 * total({ weights, selfCache, crossCache, compute, device }));
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
