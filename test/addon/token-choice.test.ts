import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../lib/errors.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { loadedManager } from '../support/model.js';

let manager: ModelManager;
let generator: TextGenerator;
beforeAll(async () => {
  manager = await loadedManager();
  generator = new TextGenerator(manager);
});
afterAll(() => manager.unloadModel());

const GREEDY = { temperature: 0, maxTokens: 6 };

describe('log-probabilities', () => {
  it('are not there unless asked for', async () => {
    expect((await generator.generate('say', GREEDY)).logprobs).toBeNull();
  });

  it('are one for every token, in the order of the text', async () => {
    const { logprobs, response, outputTokens } = await generator.generate('say', { ...GREEDY, logprobs: true });
    expect(logprobs).toHaveLength(outputTokens);
    expect(logprobs?.every(({ logprob, top }) => logprob <= 0 && top.length === 0)).toBe(true);
    const ids = logprobs?.map(({ id }) => id) ?? [];
    expect(manager.processor?.detokenize(ids)).toBe(response);
  });

  it('name the likeliest tokens, the greedy one first', async () => {
    const options = { ...GREEDY, repetitionPenalty: 1, logprobs: 3 };
    const { logprobs } = await generator.generate('say', options);
    for (const { id, logprob, top } of logprobs ?? []) {
      expect(top).toHaveLength(3);
      expect(top[0]).toMatchObject({ id, logprob });
      expect(top.map((token) => token.logprob)).toEqual(top.map((token) => token.logprob).sort((a, b) => b - a));
      expect(top.reduce((sum, token) => sum + Math.exp(token.logprob), 0)).toBeLessThanOrEqual(1 + 1e-5);
    }
  });

  it('are those of the model, whatever the temperature and the bias', async () => {
    const plain = await generator.generate('say', {
      ...GREEDY,
      maxTokens: 1,
      repetitionPenalty: 1,
      logprobs: 5,
      seed: 1,
    });
    const id = plain.logprobs?.[0]?.top[4]?.id as number;
    const options = {
      maxTokens: 1,
      temperature: 2,
      seed: 1,
      repetitionPenalty: 1,
      logprobs: 5,
      logitBias: { [id]: 100 },
    };
    const biased = await generator.generate('say', options);
    expect(biased.logprobs?.[0]?.id).toBe(id);
    expect(biased.logprobs?.[0]?.top).toEqual(plain.logprobs?.[0]?.top);
    expect(biased.logprobs?.[0]?.logprob).toBeCloseTo(plain.logprobs?.[0]?.top[4]?.logprob as number, 5);
  });
});

describe('logit bias', () => {
  it('forbids a token', async () => {
    const free = await generator.generate('say', { ...GREEDY, logprobs: true });
    const first = free.logprobs?.[0]?.id as number;
    const bound = await generator.generate('say', { ...GREEDY, logprobs: true, logitBias: { [first]: -Infinity } });
    expect(bound.logprobs?.map(({ id }) => id)).not.toContain(first);
    expect(bound.parameters.logitBias).toEqual({ [first]: -Infinity });
  });
});

it.each([
  [{ logprobs: 21 }, /logprobs/],
  [{ logprobs: -1 }, /logprobs/],
  [{ logprobs: 'yes' as unknown as boolean }, /logprobs/],
  [{ logitBias: [1] as unknown as Record<number, number> }, /logitBias/],
  [{ logitBias: { word: 1 } as unknown as Record<number, number> }, /token ids as keys.*"word"/],
  [{ logitBias: { 1: 101 } }, /logitBias\[1\].*101/],
  [{ logitBias: { 1: Number.NaN } }, /logitBias\[1\].*NaN/],
  [{ logitBias: { 1: Number.POSITIVE_INFINITY } }, /logitBias\[1\].*Infinity/],
  [{ logitBias: { 999999999: 1 } }, /999999999/],
])('refuses %o', async (options, message) => {
  const error: unknown = await generator.generate('say', { ...GREEDY, ...options }).catch((reason) => reason);
  expect(error).toBeInstanceOf(InvalidArgumentError);
  expect((error as Error).message).toMatch(message);
});
