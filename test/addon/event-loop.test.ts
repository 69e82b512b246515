import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { endless, loadedManager, tinyImages } from '../support/model.js';

const RESOLUTION_MS = 5;
const P99_MS = 20;

/** The 99th percentile in ms of how late the event loop was while `step` ran again and again. */
async function delayOf(step: () => Promise<unknown>): Promise<number> {
  await sleep(50);
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const end = performance.now() + 400;
  do await step();
  while (performance.now() < end);
  await sleep(50);
  delay.disable();
  expect(delay.count).toBeGreaterThan(20);
  return delay.percentile(99) / 1e6 - RESOLUTION_MS;
}

it('stays responsive while loading', async () => {
  const load = () => loadedManager().then((manager) => manager.unloadModel());
  await load();
  const p99 = await delayOf(load);
  expect(p99).toBeLessThanOrEqual(P99_MS);
});

it('stays responsive while encoding images', async () => {
  const manager = await loadedManager();
  const vision = new VisionGenerator(manager);
  const image = tinyImages().at(-1) as string;
  await vision.generateWithImage(image, 'x', { maxTokens: 1 });
  const p99 = await delayOf(async () => {
    await manager.clearMemory();
    await vision.generateWithImage(image, 'x', { maxTokens: 1 });
  });
  await manager.unloadModel();
  expect(p99).toBeLessThanOrEqual(P99_MS);
});

it('stays responsive while generating', async () => {
  const manager = await loadedManager();
  const { engine } = manager.requireModel();
  const p99 = await delayOf(() => Promise.all(Array.from({ length: 4 }, () => endless({ engine, maxTokens: 700 }))));
  await manager.unloadModel();
  expect(p99).toBeLessThanOrEqual(P99_MS);
});
