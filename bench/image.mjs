// How long does a picture take, and the second question about it?
import { makeResult } from './suite/measure.mjs';

export async function measure(work) {
  const results = [];
  for (const tiles of [1, work.load.maxTiles]) results.push(...(await measureTiles(work, tiles)));
  return results;
}

async function measureTiles(work, tiles) {
  const operations = work.load.pictureOperations(tiles);
  const rows = tiles * work.load.positions;
  const ceiling =
    work.ceilings &&
    (async () =>
      (await work.ceilings.product(work.load.pictureProduct, rows)).map((speed) => (1e3 * operations) / speed));
  const options = { tiles, repeat: work.quick ? 2 : 1 };
  const turns = await work.turns('image', options, ceiling ? { 'matrix products': ceiling } : {});
  const { ours, ...others } = turns;
  const column = (name) => ours.map((turn) => turn[name]);
  const lower = { lowerIsBetter: true };
  return [
    makeResult(`picture, tiles: ${tiles}`, 'ms to encode', column('encode'), others, lower),
    makeResult(`second question, tiles: ${tiles}`, 'ms to the first token', column('second'), {}),
    shareOf(`second question, tiles: ${tiles}, of the first`, column('second'), column('first')),
  ];
}

/** Of the times to the first token, round by round. */
function shareOf(name, part, whole) {
  const shares = part.map((values, round) => values.map((value, i) => value / whole[round][i]));
  return makeResult(name, 'of its time', shares);
}
