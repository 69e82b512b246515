// How fast does one stream write? Without a picture, and with one of four tiles in sight.
import { makeResult, median } from './suite/measure.mjs';

export async function measure(work) {
  const tokens = work.quick ? 16 : 128;
  const tiles = work.load.maxTiles;
  const bytes = work.load.bytesPerStep(tokens / 2);
  const ceiling = work.ceilings && (async () => (await work.ceilings.read()).map((speed) => speed / bytes));
  const turns = await work.turns(
    'decode',
    { tokens, tiles, repeat: 3 },
    ceiling ? { 'memory bandwidth': ceiling } : {},
  );
  const { ours, ...others } = turns;
  const text = ours.map((turn) => turn.text);
  const picture = ours.map((turn) => turn.picture);

  // What the text alone predicts where more has to be read: the cross layers, and the keys and values of the picture.
  const share = bytes / work.load.bytesPerStepWithPictures(tokens / 2, 1, tiles);
  const predicted = text.map((values) => [share * median(values)]);
  return [
    makeResult(`decode, ${tokens} tokens`, 'tokens/s', text, others),
    makeResult(`decode after a picture, tiles: ${tiles}`, 'tokens/s', picture, {
      'prediction by its bytes': predicted,
    }),
  ];
}
