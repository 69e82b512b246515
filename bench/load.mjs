// How long until a model is ready whose file is in the page cache, and does it take the memory that was planned?
import { makeResult } from './suite/measure.mjs';

export async function measure(work) {
  const options = { contextSize: work.quick ? 512 : 1024, tiles: work.load.maxTiles };
  const { ours } = await work.turns('load', options);
  const column = (name) => ours.map((turn) => turn[name]);
  const [resident, planned] = [column('resident'), column('planned')];
  return [
    makeResult('load', 'ms to ready', column('milliseconds')),
    makeResult('resident memory', 'bytes', resident, { plan: planned }),
  ];
}
