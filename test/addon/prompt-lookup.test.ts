import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../lib/errors.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { loadedManager, tinyImages } from '../support/model.js';

// F32 weights and caches: in others the rounding of a batch can turn a near tie
let manager: ModelManager;
beforeAll(async () => {
  manager = await loadedManager((config) => Object.assign(config.hardware, { kvCacheType: 'f32' }));
});
afterAll(() => manager.unloadModel());

const LENGTHS = [1, 3, 15, 32];
const PROMPT = 'one two three, one two three, one two';

describe('prompt lookup', () => {
  it.each([0, 0.8])('gives the same text at temperature %d', async (temperature) => {
    const text = new TextGenerator(manager);
    const options = { temperature, seed: 4, maxTokens: 120, repetitionPenalty: 1 };
    const { response } = await text.generate(PROMPT, options);
    for (const promptLookup of LENGTHS) {
      const result = await text.generate(PROMPT, { ...options, promptLookup });
      expect(result.response).toBe(response);
      expect(result.parameters).toMatchObject({ promptLookup });
    }
  });

  it('gives the same text about a picture, and streams it', async () => {
    const vision = new VisionGenerator(manager);
    const options = { maxTokens: 100, temperature: 0, repetitionPenalty: 1 };
    const plain = await vision.convertToMarkdown(tinyImages()[0] as string, { ...options, promptLookup: 0 });
    const generation = vision.convertToMarkdown(tinyImages()[0] as string, options);
    let streamed = '';
    for await (const piece of generation) streamed += piece;
    const { response, parameters } = await generation;
    expect(parameters.promptLookup).toBe(15);
    expect([streamed, response]).toEqual([plain.response, plain.response]);
  });

  it('gives the same JSON', async () => {
    const text = new TextGenerator(manager);
    const schema = { type: 'array', items: { enum: ['one', 'two'] }, minItems: 12, maxItems: 12 };
    const options = { temperature: 0, maxTokens: 200, responseFormat: { type: 'json' as const, schema } };
    const { response } = await text.generate(PROMPT, options);
    expect((await text.generate(PROMPT, { ...options, promptLookup: 15 })).response).toBe(response);
    expect(JSON.parse(response)).toHaveLength(12);
  });

  it('computes in a batch what it computes alone', async () => {
    const text = new TextGenerator(manager);
    const options = { temperature: 0, maxTokens: 60, repetitionPenalty: 1 };
    const prompts = Array.from({ length: 6 }, (_, i) => `${PROMPT} ${i}`);
    const together = await text.batchGenerate(prompts, { ...options, promptLookup: 15 });
    for (const [i, prompt] of prompts.entries()) {
      expect(together[i]).toMatchObject({ response: (await text.generate(prompt, options)).response });
    }
  });

  it.each([-1, 33, 1.5, Number.NaN, '3'])('refuses %j', async (promptLookup) => {
    const generation = new TextGenerator(manager).generate('a', { promptLookup: promptLookup as number });
    await expect(generation).rejects.toThrow(InvalidArgumentError);
    await expect(generation).rejects.toThrow(/promptLookup/);
  });
});
