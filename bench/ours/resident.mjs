// The memory that a model takes, after the largest computations, and what was planned.
import { newManager, turn, Workload } from './model.mjs';

await turn(async ({ contextSize, tiles, ...model }) => {
  const manager = newManager(model, { contextSize });
  const { weights, selfCache, crossCache, compute } = await manager.planMemory();
  const before = process.memoryUsage.rss();
  if (!(await manager.loadModel())) throw manager.lastError;
  // What is reserved but never touched is not resident; the caches are cleared from the start.
  const work = new Workload(manager.requireModel());
  await work.generate({ promptTokens: contextSize - 1, maxTokens: 1 });
  await work.generate({ promptTokens: 1, maxTokens: 1, pictures: [work.picture(tiles)] });
  const resident = 1024 * process.resourceUsage().maxRSS - before;
  await manager.unloadModel();
  return { resident, planned: weights + selfCache + crossCache + compute };
});
