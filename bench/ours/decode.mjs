// Tokens per second of one stream, from the first token to the result in JavaScript; with `tiles`, after a picture.
import { openManager, turn, Workload } from './model.mjs';

const PROMPT = 1;
const WARM_UP = 8;

await turn(async ({ tokens, tiles, repeat, ...model }) => {
  const manager = await openManager(model);
  const work = new Workload(manager.requireModel());
  const speed = async (pictures, maxTokens) => {
    // The first token belongs to the prompt: one more than the steps that are timed.
    const { seconds, stats } = await work.generate({ promptTokens: PROMPT, maxTokens: maxTokens + 1, pictures });
    return maxTokens / (seconds - stats.timeToFirstToken);
  };
  const speeds = async (pictures) => {
    await speed(pictures, WARM_UP); // which encodes the picture
    const values = [];
    for (let i = 0; i < repeat; i++) values.push(await speed(pictures, tokens));
    return values;
  };
  const result = { text: await speeds([]), picture: await speeds([work.picture(tiles)]) };
  await manager.unloadModel();
  return result;
});
