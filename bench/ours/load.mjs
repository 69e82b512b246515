// From a file in the page cache to a model that is ready; then the largest computations, and the memory that all took.
import { createReadStream } from 'node:fs';
import { Config, ModelManager } from '../../dist/index.js';
import { turn, Workload } from './model.mjs';

await turn(async ({ model, threads, contextSize, tiles }) => {
  const config = new Config();
  config.model.path = model;
  config.model.deviceMap = 'cpu';
  Object.assign(config.hardware, { threads, contextSize, kvCacheType: 'f16' });
  const manager = new ModelManager(config);
  const { weights, selfCache, crossCache, compute } = await manager.planMemory();
  // Into the page cache, from which a system takes what was not read for a while.
  for await (const _ of createReadStream(model, { highWaterMark: 1 << 20 }));
  const before = process.memoryUsage.rss();
  const first = await load(manager);

  // What is reserved but never touched is not resident; the caches are cleared from the start.
  const work = new Workload(manager.requireModel());
  await work.generate({ promptTokens: contextSize - 1, maxTokens: 1 });
  await work.generate({ promptTokens: 1, maxTokens: 1, pictures: [work.picture(tiles)] });
  const resident = 1024 * process.resourceUsage().maxRSS - before;
  await manager.unloadModel();
  const again = await load(manager);
  await manager.unloadModel();
  return {
    ...{ first: [first], again: [again], resident: [resident] },
    planned: [weights + selfCache + crossCache + compute],
  };
});

/** Milliseconds until the model is ready. */
async function load(manager) {
  const start = performance.now();
  if (!(await manager.loadModel())) throw manager.lastError;
  return performance.now() - start;
}
