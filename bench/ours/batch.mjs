// Streams at once: tokens per second of all together, prompts included, and how long each waits for its first token.
import { openManager, turn, Workload } from './model.mjs';

await turn(async ({ streams, promptTokens, tokens, repeat, ...model }) => {
  const cells = streams * (promptTokens + tokens + 1);
  const manager = await openManager(model, { maxBatchSize: streams, maxImages: streams, contextSize: cells });
  const work = new Workload(manager.requireModel());
  const pictures = Array.from({ length: streams }, () => work.picture(1));
  for (const picture of pictures) await work.generate({ promptTokens: 1, maxTokens: 2, pictures: [picture] });

  const together = async (picturesOf) => {
    const start = performance.now();
    const request = (i) => work.generate({ promptTokens, maxTokens: tokens, pictures: picturesOf(i) });
    const all = await Promise.all(Array.from({ length: streams }, (_, i) => request(i)));
    const speed = (streams * tokens) / ((performance.now() - start) / 1e3);
    const waits = all.map(({ stats }) => stats.timeToFirstToken);
    return { speed, unfairness: (Math.max(...waits) * streams) / waits.reduce((sum, wait) => sum + wait, 0) };
  };
  const kinds = { text: () => [], picture: (i) => [pictures[i]] };
  const result = {};
  for (const [kind, picturesOf] of Object.entries(kinds)) {
    const runs = [];
    for (let i = 0; i < repeat; i++) runs.push(await together(picturesOf));
    result[kind] = runs.map(({ speed }) => speed);
    result[`${kind}Unfairness`] = runs.map(({ unfairness }) => unfairness);
  }
  await manager.unloadModel();
  return result;
});
