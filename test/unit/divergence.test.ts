import { expect, it } from 'vitest';
import { divergence } from '../../scripts/evaluate/divergence.mjs';

const QUESTIONS = [{ file: 'a.png', prompt: 'What?', answer: 'no' }];

/** Two tokens of a prompt, then two of an answer, 1 and 0; `rows` are what is predicted at them. */
const modelOf = (...rows: [number, number][]) => ({
  engine: {
    tokenize: () => [7, 7],
    evaluate: async () => ({
      tokens: Int32Array.of(7, 7, 1, 0),
      logits: Float32Array.from([[50, -50], ...rows, [-50, 50]].flat()), // of what has not been asked for
    }),
  },
  processor: { applyChatTemplate: () => [], prepareImage: async (file: string) => file },
});

const log = Math.log;

it('is nothing between a model and itself', async () => {
  const model = modelOf([log(0.2), log(0.8)], [log(0.5), log(0.5)]);
  const same = await divergence(model, model, QUESTIONS);
  expect(same.divergence).toBeCloseTo(0, 12);
  expect(same.sameToken).toBe(1);
  expect(same.perplexity).toBeCloseTo(1 / Math.sqrt(0.8 * 0.5), 6);
});

it('is the mean over the tokens of the answer, whatever is added to the logits', async () => {
  const original = modelOf([log(0.2), log(0.8)], [log(0.5), log(0.5)]);
  const model = modelOf([log(0.8) + 9, log(0.2) + 9], [log(0.5) - 3, log(0.5) - 3]);
  const measured = await divergence(original, model, QUESTIONS);
  expect(measured.divergence).toBeCloseTo((0.2 * log(0.25) + 0.8 * log(4)) / 2, 6);
  expect(measured.sameToken).toBe(0.5);
  expect(measured.perplexity).toBeCloseTo(1 / Math.sqrt(0.2 * 0.5), 6);
});
