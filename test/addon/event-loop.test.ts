import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { endless, loadedManager, tinyImages } from '../support/model.js';

const RESOLUTION_MS = 5;
const P99_MS = 20;

/** The 99th percentile in ms of how late the event loop was while `work` ran. */
async function delayOf(work: () => Promise<void>): Promise<number> {
  await sleep(50);
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  await work();
  await sleep(50);
  delay.disable();
  expect(delay.count).toBeGreaterThan(20);
  return delay.percentile(99) / 1e6 - RESOLUTION_MS;
}

it('stays responsive while loading', async () => {
  await loadedManager().then((manager) => manager.unloadModel());
  const p99 = await delayOf(async () => {
    for (let i = 0; i < 15; i++) await loadedManager().then((manager) => manager.unloadModel());
  });
  expect(p99).toBeLessThanOrEqual(P99_MS);
});

it('stays responsive while encoding images', async () => {
  const manager = await loadedManager();
  const vision = new VisionGenerator(manager);
  const image = tinyImages().at(-1) as string;
  await vision.generateWithImage(image, 'x', { maxTokens: 1 });
  const p99 = await delayOf(async () => {
    for (let i = 0; i < 25; i++) {
      await manager.clearMemory();
      await vision.generateWithImage(image, 'x', { maxTokens: 1 });
    }
  });
  await manager.unloadModel();
  expect(p99).toBeLessThanOrEqual(P99_MS);
});

it('stays responsive while generating', async () => {
  const manager = await loadedManager();
  const { engine } = manager.requireModel();
  const p99 = await delayOf(async () => {
    await Promise.all(Array.from({ length: 4 }, () => endless({ engine, maxTokens: 700 })));
  });
  await manager.unloadModel();
  expect(p99).toBeLessThanOrEqual(P99_MS);
});
