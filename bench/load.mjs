// How long until a model is ready whose file is in the page cache, and does it take the memory that was planned?
import { makeResult } from './suite/measure.mjs';

export async function measure(work) {
  const bytes = work.load.weightBytes;
  const taking = work.ceilings && (async () => (await work.ceilings.take(bytes)).map((speed) => (1e3 * bytes) / speed));
  const { ours, taken } = await work.turns('load', {}, taking ? { taken: taking } : {});
  const column = (name) => ours.map((turn) => turn[name]);
  const limit = { 'memory taken': taken };
  const lower = { lowerIsBetter: true };
  const memory = await work.ours('resident', { contextSize: work.quick ? 512 : 1024, tiles: work.load.maxTiles });
  return [
    makeResult('load', 'ms to ready', column('first'), limit, lower),
    makeResult('load once more', 'ms to ready', column('again'), limit, lower),
    makeResult('resident memory', 'bytes', [[memory.resident]], { plan: [[memory.planned]] }),
  ];
}
