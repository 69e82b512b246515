import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { Config } from '../../lib/config.js';
import { ConversationManager } from '../../lib/conversation-manager.js';
import { InvalidArgumentError, ModelOutputError } from '../../lib/errors.js';
import { ModelManager } from '../../lib/model-manager.js';
import { safeGenerate } from '../../lib/safe-generate.js';
import { compileResponseFormat } from '../../lib/structured/response-format.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { judge } from '../support/ajv.js';
import { Matcher } from '../support/gbnf-matcher.js';
import { ENDLESS, loadedManager, tinyImages } from '../support/model.js';
import { SCHEMAS } from '../support/schemas.js';

const HOT = { temperature: 1.5, topP: 1, topK: 0, repetitionPenalty: 1 };

async function speakingManager(): Promise<ModelManager> {
  const config = new Config();
  Object.assign(config.model, { path: ENDLESS });
  Object.assign(config.hardware, { threads: 1, contextSize: 1024 });
  const manager = new ModelManager(config);
  if (!(await manager.loadModel())) throw manager.lastError;
  return manager;
}

let speaker: ModelManager;
let tiny: ModelManager;
beforeAll(async () => {
  speaker = await speakingManager();
  tiny = await loadedManager();
});
afterAll(() => Promise.all([speaker.unloadModel(), tiny.unloadModel()]));

const Receipt = z.object({
  shop: z.string(),
  date: z.iso.date(),
  items: z.array(z.object({ name: z.string().max(20), price: z.number().int().min(0), note: z.string().optional() })),
  paid: z.enum(['현금', '카드', '계좌이체']),
});
const Answer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('예'), reasons: z.array(z.string()).min(1) }),
  z.object({ kind: z.literal('아니요'), score: z.number().min(0).max(1) }),
]);
const Node = z.object({
  name: z.string(),
  get children() {
    return z.array(Node);
  },
});
const plain = new Map(SCHEMAS);

/** Schemas with unbounded parts among them, and how a value is judged. */
const cases: [string, unknown, (value: unknown) => string | undefined][] = [
  ...[Receipt, Answer, Node].map((schema, i): (typeof cases)[number] => [
    `zod ${['Receipt', 'Answer', 'Node'][i]}`,
    schema,
    (value) => (schema.safeParse(value).success ? undefined : JSON.stringify(value)),
  ]),
  ...['a receipt', 'a tree', 'mutual recursion', 'any text', 'true', 'a map beside properties', 'the format uri'].map(
    (name): (typeof cases)[number] => [name, plain.get(name), judge(plain.get(name))],
  ),
];

describe('an answer by a schema', () => {
  const run = async (manager: ModelManager, schema: unknown, judgeOf: (value: unknown) => string | undefined) => {
    const generator = new TextGenerator(manager);
    const responseFormat = await compileResponseFormat({ type: 'json', schema: schema as never });
    let good = 0;
    const batch = Array.from({ length: 20 }, async (_, seed) => {
      const maxTokens = 96 + seed * 8;
      const result = await generator.generate('영수증', { ...HOT, seed, maxTokens, responseFormat });
      expect(result.outputTokens).toBeLessThanOrEqual(maxTokens);
      expect(judgeOf(JSON.parse(result.response)), result.response).toBeUndefined();
      expect(result.parsed).toEqual(JSON.parse(result.response));
      good++;
    });
    await Promise.all(batch);
    return good;
  };

  it('is valid 200 times of 200 at temperature 1.5, on the model of words', async () => {
    let good = 0;
    for (const [, schema, judgeOf] of cases) good += await run(speaker, schema, judgeOf);
    console.log(`model of words: ${good} of 200 answers are valid`);
    expect(good).toBe(200);
  });

  it('is valid 200 times of 200 at temperature 1.5, on a tiny Mllama', async () => {
    let good = 0;
    for (const [, schema, judgeOf] of cases) good += await run(tiny, schema, judgeOf);
    console.log(`tiny model: ${good} of 200 answers are valid`);
    expect(good).toBe(200);
  });

  it('is taken by the engine for every kind of schema, and written as the grammar says', async () => {
    const generator = new TextGenerator(speaker);
    for (const [name, schema] of SCHEMAS) {
      const responseFormat = await compileResponseFormat({ type: 'json', schema: schema as never });
      const { response } = await generator.generate('x', { ...HOT, seed: 1, maxTokens: 300, responseFormat });
      expect(judge(schema)(JSON.parse(response)), `${name}: ${response}`).toBeUndefined();
      expect(new Matcher(responseFormat.grammar).accepts(response), `${name}: ${response}`).toBe(true);
    }
  });

  it('has the type of the schema, with its transformations', async () => {
    const Length = z.object({ word: z.string().transform((word) => word.length) });
    const options = { ...HOT, maxTokens: 60, responseFormat: { type: 'json', schema: Length } } as const;
    const { parsed } = await new TextGenerator(speaker).generate('x', options);
    expectTypeOf(parsed).toEqualTypeOf<{ word: number }>();
    expect(parsed.word).toBeTypeOf('number');
  });

  it('is an object or array without a schema, and undefined without a format', async () => {
    const generator = new TextGenerator(speaker);
    const { parsed } = await generator.generate('x', { ...HOT, maxTokens: 40, responseFormat: { type: 'json' } });
    expect(parsed).toBeTypeOf('object');
    expect((await generator.generate('x', { maxTokens: 2 })).parsed).toBeUndefined();
  });

  it('is a text of the grammar', async () => {
    const responseFormat = { type: 'grammar', grammar: 'root ::= ("예" | "아니요") "."' } as const;
    const { parsed } = await new TextGenerator(speaker).generate<string>('x', { ...HOT, responseFormat });
    expect(['예.', '아니요.']).toContain(parsed);
  });

  it('comes from chats, batches and pictures alike', async () => {
    const responseFormat = { type: 'json', schema: Answer } as const;
    const options = { ...HOT, maxTokens: 60, responseFormat };
    const text = new TextGenerator(tiny);
    const vision = new VisionGenerator(tiny);
    const [image] = tinyImages() as [string];
    const chat = await text.chatGenerate([{ role: 'user', content: 'x' }], options);
    const batch = await text.batchGenerate(['a', 'b'], options);
    const turn = await new ConversationManager(text).generateResponse('x', options);
    const safe = await safeGenerate(text, 'x', options);
    const described = await vision.describeImage(image, options);
    const asked = await vision.answerVisualQuestion(image, '?', options);
    const many = await vision.batchAnalyzeImages([image, image], '?', options);
    for (const result of [chat, turn, safe, ...batch, described, asked, ...many]) {
      if (!result.success) throw result.error;
      expectTypeOf(result.parsed).toEqualTypeOf<z.infer<typeof Answer>>();
      expect(Answer.safeParse(result.parsed).success).toBe(true);
    }
  });

  it('rejects when the library of the schema refuses it after all', async () => {
    const Never = z.object({ a: z.string().refine(() => false, 'never good') });
    const options = { ...HOT, maxTokens: 60, responseFormat: { type: 'json', schema: Never } } as const;
    const failed = new TextGenerator(speaker).generate('x', options);
    await expect(failed).rejects.toBeInstanceOf(ModelOutputError);
    await expect(failed).rejects.toThrow(/a: never good/);
  });
});

describe('before anything runs', () => {
  const refused = async (options: object, message: RegExp) => {
    const generation = new TextGenerator(speaker).generate('x', options);
    await expect(generation).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(generation).rejects.toThrow(message);
    expect(generation.text).toBe('');
  };
  const format = (schema: unknown) => ({ responseFormat: { type: 'json', schema } });

  it('too few tokens are refused', () => refused({ maxTokens: 3, ...format(Receipt) }, /bytes.*leave 3/));
  it('a bad schema is refused', () => refused(format({ type: 'object', not: {} }), /"not" cannot be enforced/));
  it('a bad grammar is refused', () => refused({ responseFormat: { type: 'grammar', grammar: 'root ::= a' } }, /"a"/));
  it('a stop text beside a format is refused', () => refused({ stop: '}', ...format(true) }, /stop/));
  it.each([
    ['a text', 'json', /an object for responseFormat/],
    ['an unknown type', { type: 'xml' }, /"json", "grammar"/],
    ['an unknown key', { type: 'json', scheme: {} }, /Unknown option "scheme"/],
    ['no grammar', { type: 'grammar' }, /responseFormat\.grammar/],
    ['null as schema', { type: 'json', schema: null }, /this is null/],
  ])('%s as format is refused', (_, responseFormat, message) => refused({ responseFormat }, message));

  it('a batch with a bad schema is refused as a whole', async () => {
    const options = format({ type: 'object', uniqueItems: true }) as never;
    const batch = new TextGenerator(speaker).batchGenerate(['a', 'b'], options);
    await expect(batch).rejects.toThrow(/"uniqueItems" cannot be enforced/);
    expect(batch.finished).toHaveLength(0);
  });
});
