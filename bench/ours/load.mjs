// From a file in the page cache to a model that is ready, and once more in the same process.
import { createReadStream } from 'node:fs';
import { openManager, turn } from './model.mjs';

await turn(async (model) => {
  // Into the page cache, from which a system takes what was not read for a while.
  for await (const _ of createReadStream(model.model, { highWaterMark: 1 << 20 }));
  return { first: [await load(model)], again: [await load(model)] };
});

/** Milliseconds until the model is ready. */
async function load(model) {
  const start = performance.now();
  const manager = await openManager(model);
  const time = performance.now() - start;
  await manager.unloadModel();
  return time;
}
