// How long until a model is ready whose file is in the page cache, and does it take the memory that was planned?
import { makeResult } from './suite/measure.mjs';

export async function measure(work) {
  const bytes = work.load.weightBytes;
  // A process took as much and gave it back just before: no memory is waited for but that the system clears.
  const afterOther = async () => {
    const speeds = await work.ceilings.take(bytes);
    return { taken: speeds.map((speed) => (1e3 * bytes) / speed), ...(await work.ours('load')) };
  };
  const { ours, after } = await work.turns('load', {}, work.ceilings ? { after: afterOther } : {});
  const taken = after?.map((turn) => turn.taken);
  const lower = { lowerIsBetter: true };
  const time = (name, turns, column) =>
    makeResult(
      name,
      'ms to ready',
      turns.map((turn) => turn[column]),
      { 'memory taken': taken },
      lower,
    );
  const memory = await work.ours('resident', { contextSize: work.quick ? 512 : 1024, tiles: work.load.maxTiles });
  return [
    time('load', ours, 'first'),
    time('load once more', ours, 'again'),
    ...(after ? [time('load, memory at hand', after, 'first')] : []),
    makeResult('resident memory', 'bytes', [[memory.resident]], { plan: [[memory.planned]] }),
  ];
}
