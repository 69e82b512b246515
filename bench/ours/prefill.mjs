// Tokens per second of a prompt, from the call to its one token in JavaScript.
import { openManager, repeated, turn, Workload } from './model.mjs';

await turn(async ({ tokens, repeat, ...model }) => {
  const manager = await openManager(model);
  const work = new Workload(manager.requireModel());
  const speeds = await repeated(repeat, async () => {
    const { seconds } = await work.generate({ promptTokens: tokens, maxTokens: 1 });
    return tokens / seconds;
  });
  await manager.unloadModel();
  return { speeds };
});
