// What the engine chooses for a model by itself. Reads the whole file, which is in the page cache afterwards.
import { openManager, turn } from './model.mjs';

await turn(async (options) => {
  const manager = await openManager(options);
  const { threads, quantization, contextTrain } = manager.requireModel().info;
  await manager.unloadModel();
  return { threads, quantization, contextTrain };
});
