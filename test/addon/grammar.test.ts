import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../lib/errors.js';
import type { NativeRequest, NativeSampling } from '../../lib/native/binding.js';
import { Engine, type EngineDone } from '../../lib/native/engine.js';
import { loadNative } from '../../lib/native/load.js';
import { ENDLESS, GREEDY, loadOptions } from '../support/model.js';

let engine: Engine;
beforeAll(async () => {
  engine = new Engine(loadNative());
  await engine.load({ ...loadOptions(ENDLESS), contextSize: 1024 });
});
afterAll(() => engine.close());

type Change = Partial<Omit<NativeRequest, 'sampling'>> & { sampling?: Partial<NativeSampling> };

async function generate({ sampling, ...change }: Change = {}): Promise<EngineDone & { text: string }> {
  const pieces: string[] = [];
  const request: NativeRequest = {
    ...{ prompt: [{ text: 'hello' }], images: [], maxTokens: 40, stop: [], ignoreEos: false, credit: 1e6 },
    ...{ grammar: null, logprobs: -1, reusePrompt: true, promptLookup: 0, ...change },
    sampling: { ...GREEDY, ...sampling },
  };
  const done = await engine.generate(request, { onPiece: (text) => pieces.push(text) }).done;
  return { ...done, text: pieces.join('') };
}

const bias = (pairs: [number, number][]): NativeSampling['logitBias'] => ({
  tokens: Int32Array.from(pairs, ([token]) => token),
  values: Float32Array.from(pairs, ([, value]) => value),
});

const JSON_GRAMMAR = String.raw`root ::= object
value  ::= object | "[" (value ("," value)*)? "]" | string | number | "true" | "false" | "null"
object ::= "{" (string ":" value ("," string ":" value)*)? "}"
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" ["\\bfnrt])* "\""
number ::= "-"? ("0" | [1-9] [0-9]{0,15})`;

describe('an answer under a grammar', () => {
  const seeds = Array.from({ length: 100 }, (_, seed) => seed);

  it('obeys it at temperature 1.5, with Korean characters', async () => {
    const grammar = 'root ::= "답: " [가-힣]{2,5} (", " [a-z]+)? "."';
    for (const seed of seeds) {
      const { text } = await generate({ grammar, maxTokens: 25 + (seed % 30), sampling: { temperature: 1.5, seed } });
      expect(text).toMatch(/^답: [가-힣]{2,5}(, [a-z]+)?\.$/);
    }
  });

  it('is complete JSON, however tight the limit', async () => {
    for (const seed of seeds) {
      const maxTokens = 2 + (seed % 40);
      const sampling = { temperature: 1.5, topP: seed % 2 ? 0.9 : 1, topK: seed % 3 ? 0 : 40, seed };
      const { text, tokens, reason } = await generate({ grammar: JSON_GRAMMAR, maxTokens, sampling });
      expect(JSON.parse(text)).toBeTypeOf('object');
      expect(tokens.length).toBeLessThanOrEqual(maxTokens);
      expect(reason).toBe('stop');
    }
  });

  it('is complete where its end is only the limit', async () => {
    const grammar = 'root ::= ([가-힣]{2} " ")+';
    for (const seed of seeds.slice(0, 30)) {
      const sampling = { temperature: 1.5, seed, logitBias: bias([]) };
      const { text, reason, tokens } = await generate({ grammar, maxTokens: 31, ignoreEos: true, sampling });
      expect(text).toMatch(/^([가-힣]{2} )+$/);
      // either all tokens are used, or too few are left for another round
      expect(reason).toBe(tokens.length === 31 ? 'length' : 'stop');
    }
  });

  it('is the one text that is left, also greedily', async () => {
    expect((await generate({ grammar: 'root ::= "블로썸"' })).text).toBe('블로썸');
    expect((await generate({ grammar: 'root ::= ""' })).tokens).toHaveLength(0);
  });

  it('repeats with its seed', async () => {
    const run = (seed: number) => generate({ grammar: JSON_GRAMMAR, sampling: { temperature: 1.5, seed } });
    expect((await run(5)).text).toBe((await run(5)).text);
  });

  const bad: [string, string, RegExp][] = [
    ['an empty text', '', /no rule "root"/],
    ['a syntax error', 'root ::= "a', /line 1, column 10.*no closing quote/],
    ['left recursion', 'root ::= root "a" | "b"', /left-recursive/],
    ['60,000 groups', `root ::= ${'('.repeat(60_000)}`, /64 deep/],
    ['a text that needs more tokens', 'root ::= "a"{41}', /41 bytes.*leave 40/],
    ['NUL', 'root ::= "\0"', /NUL/],
  ];
  it.each(bad)('is refused for %s, and the engine goes on', async (_, grammar, message) => {
    const running = generate({ maxTokens: 50, ignoreEos: true });
    const refused = generate({ grammar });
    await expect(refused).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(refused).rejects.toThrow(message);
    expect((await running).tokens).toHaveLength(50);
  });

  it.each([undefined, 5, {}])('is refused when the grammar is %s', async (grammar) => {
    await expect(generate({ grammar: grammar as never })).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe('a bias', () => {
  it('forbids a token', async () => {
    const { tokens } = await generate({ ignoreEos: true });
    const forbidden: [number, number][] = [...new Set(tokens)].map((token) => [token, Number.NEGATIVE_INFINITY]);
    const other = await generate({ ignoreEos: true, sampling: { temperature: 1.5, logitBias: bias(forbidden) } });
    expect(other.tokens).toHaveLength(40);
    expect(other.tokens.filter((token) => tokens.includes(token))).toHaveLength(0);
  });

  it('forces a token', async () => {
    const [token] = engine.tokenize([{ text: 'a' }]);
    const logitBias = bias([[token as number, 100]]);
    const { tokens } = await generate({ maxTokens: 10, sampling: { temperature: 1, logitBias } });
    expect([...tokens]).toEqual(Array(10).fill(token));
  });

  const wrong: [string, NativeSampling['logitBias']][] = [
    ['an unknown token', bias([[2 ** 30, 1]])],
    ['a negative token', bias([[-1, 1]])],
    ['a value over 100', bias([[0, 101]])],
    ['NaN', bias([[0, Number.NaN]])],
    ['Infinity', bias([[0, Number.POSITIVE_INFINITY]])],
    ['fewer values than tokens', { tokens: new Int32Array(2), values: new Float32Array(1) }],
    ['no arrays', { tokens: [1], values: [1] } as never],
  ];
  it.each(wrong)('is refused with %s', async (_, logitBias) => {
    await expect(generate({ sampling: { logitBias } })).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe('log-probabilities', () => {
  it('are the log softmax of the logits that an evaluation gives', async () => {
    const sampling = { temperature: 1.5, seed: 3, repetitionPenalty: 1.2, penaltyLastN: 64 };
    const { tokens, logprobs } = await generate({ maxTokens: 12, ignoreEos: true, logprobs: 5, sampling });
    const evaluated = await engine.evaluate({ prompt: [{ text: 'hello' }, { tokens }], images: [], chunk: 1 });
    const vocabSize = evaluated.logits.length / evaluated.tokens.length;
    const first = evaluated.tokens.length - tokens.length - 1;
    for (const [i, token] of tokens.entries()) {
      const row = evaluated.logits.subarray((first + i) * vocabSize, (first + i + 1) * vocabSize);
      const logSum = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
      expect(logprobs?.chosen[i]).toBeCloseTo((row[token] as number) - logSum, 3);
      const top = [...row].sort((a, b) => b - a).slice(0, 5);
      for (const [k, logit] of top.entries()) {
        expect(logprobs?.topValues[5 * i + k]).toBeCloseTo(logit - logSum, 3);
        expect(row[logprobs?.topTokens[5 * i + k] as number]).toBeCloseTo(logit, 3);
      }
    }
    expect(logprobs?.topTokens).toHaveLength(60);
  });

  it('are of the chosen token alone with 0, and absent with -1', async () => {
    const { logprobs } = await generate({ maxTokens: 4, ignoreEos: true, logprobs: 0 });
    expect([logprobs?.chosen.length, logprobs?.topTokens.length, logprobs?.topValues.length]).toEqual([4, 0, 0]);
    expect((await generate({ maxTokens: 4 })).logprobs).toBeNull();
  });

  it.each([-2, 21, 1.5])('are refused with %s', async (logprobs) => {
    await expect(generate({ logprobs })).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});
