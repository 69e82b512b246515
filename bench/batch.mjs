// What do eight streams give together, with and without a picture each, and does any of them wait long?
import { makeResult, median } from './suite/measure.mjs';

const STREAMS = 8;

export async function measure(work) {
  const options = { streams: STREAMS, promptTokens: 32, tokens: work.quick ? 16 : 64, repeat: work.quick ? 2 : 1 };
  const { ours, ...peers } = await work.turns('batch', options);
  const column = (name) => ours.map((turn) => turn[name]);

  // A step reads the weights once for all streams, and the caches of each.
  const before = options.promptTokens + options.tokens / 2;
  const caches = STREAMS * (work.load.bytesPerStep(before) - work.load.bytesPerStep(0));
  const bytes = work.load.bytesPerStep(0) + caches;
  const share = bytes / work.load.bytesPerStepWithPictures(before, STREAMS, 1);
  const predicted = column('text').map((values) => [share * median(values)]);
  return [
    makeResult(`${STREAMS} streams`, 'tokens/s', column('text'), peers),
    makeResult(`${STREAMS} streams, a picture each`, 'tokens/s', column('picture'), {
      'prediction by its bytes': predicted,
    }),
    makeResult(`${STREAMS} streams, longest wait for a first token`, 'of the mean', column('textUnfairness')),
    makeResult(`${STREAMS} streams, a picture each, longest wait`, 'of the mean', column('pictureUnfairness')),
  ];
}
