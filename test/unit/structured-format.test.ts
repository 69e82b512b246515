import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { InvalidArgumentError, ModelOutputError } from '../../lib/errors.js';
import { classEscape } from '../../lib/structured/pattern-classes.js';
import { compileResponseFormat, type ResponseFormat } from '../../lib/structured/response-format.js';
import { inputJsonSchema, type StandardSchema } from '../../lib/structured/standard-schema.js';
import { Matcher } from '../support/gbnf-matcher.js';
import { Sampler } from '../support/gbnf-sampler.js';

const json = <T>(schema: StandardSchema<T>) => compileResponseFormat({ type: 'json', schema });

/** The schema as zod 4.0 and 4.1 have it: it does not write JSON Schema itself. */
function withoutJsonSchema<T>(schema: StandardSchema<T>): StandardSchema<T> {
  const { jsonSchema: _, ...standard } = schema['~standard'];
  return Object.create(schema, { '~standard': { value: standard } });
}

describe('a zod schema', () => {
  const Person = z.object({
    name: z.string().max(5),
    age: z.int().min(0).optional(),
    tags: z.array(z.enum(['가', '나'])),
  });
  const schemas: [string, StandardSchema][] = [
    ['an object', Person],
    ['a strict object', z.strictObject({ a: z.number().nullable() })],
    ['a loose object', z.looseObject({ a: z.string() })],
    ['a record', z.record(z.string(), z.int())],
    ['a record of listed keys', z.record(z.enum(['월', '화']), z.boolean())],
    ['a partial record', z.partialRecord(z.enum(['월', '화']), z.boolean())],
    ['a tuple', z.tuple([z.string(), z.number()])],
    ['a tuple with a rest', z.tuple([z.string()]).rest(z.null())],
    ['a union', z.union([z.string(), z.int(), z.array(z.boolean())])],
    [
      'a discriminated union',
      z.discriminatedUnion('t', [z.object({ t: z.literal(1) }), z.object({ t: z.literal('b') })]),
    ],
    ['an intersection', z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() }))],
    ['a default', z.object({ a: z.string().default('x') })],
    ['a step', z.number().min(0).max(100).multipleOf(0.01)],
    ['a bounded number', z.number().gt(-3.5).lt(7)],
    ['a date', z.iso.date()],
    ['a time', z.iso.time()],
    ['a date and time', z.iso.datetime()],
    ['a date and time with offset', z.iso.datetime({ offset: true })],
    ['an e-mail address', z.email()],
    ['a UUID', z.uuid()],
    ['a UUID of version 7', z.uuidv7()],
    ['a URL', z.url()],
    ['an IPv4 address', z.ipv4()],
    ['an IPv6 address', z.ipv6()],
    ['a host name', z.hostname()],
    ['base64', z.base64()],
    ['an id', z.cuid2()],
    ['a phone number', z.e164()],
    [
      'a pattern with lengths',
      z
        .string()
        .regex(/^[a-z]+$/)
        .min(2)
        .max(8),
    ],
    ['a beginning and an end', z.string().startsWith('안').endsWith('!').max(12)],
    ['a template', z.templateLiteral(['id-', z.int()])],
    ['a fixed length', z.string().length(4)],
    [
      'a lazy schema',
      z.object({
        get next() {
          return Person.nullable();
        },
      }),
    ],
  ];

  it.each(schemas)('takes every text of its grammar: %s', async (_, schema) => {
    const format = await json(schema);
    const sampler = new Sampler(format.grammar, 5);
    for (let i = 0; i < 100; i++) {
      const text = sampler.draw(80);
      const result = await schema['~standard'].validate(JSON.parse(text));
      expect(result.issues, text).toBeUndefined();
    }
  });

  it('gives values of its output type, transformed and with defaults', async () => {
    const schema = z.object({ n: z.string().transform(Number), d: z.string().default('없음') });
    const format = await json(schema);
    const value = await format.parse('{"n":"12"}');
    expectTypeOf(value).toEqualTypeOf<{ n: number; d: string }>();
    expect(value).toEqual({ n: 12, d: '없음' });
  });

  it('may check asynchronously', async () => {
    const format = await json(z.string().refine(async (text) => text !== 'no'));
    await expect(format.parse('"yes"')).resolves.toBe('yes');
    await expect(format.parse('"no"')).rejects.toBeInstanceOf(ModelOutputError);
  });

  it('names the place that its own checks refuse', async () => {
    const format = await json(z.object({ list: z.array(z.string().refine((text) => text !== 'x', 'not x')) }));
    await expect(format.parse('{"list":["a","x"]}')).rejects.toThrow(/list\.1: not x/);
  });

  it('of 4.0 and 4.1 is read through the package', async () => {
    const old = withoutJsonSchema(Person);
    expect(await inputJsonSchema(old)).toEqual(await inputJsonSchema(Person));
  });

  it('of zod 3 is refused with what to do', async () => {
    const standard = { version: 1 as const, vendor: 'zod', validate: (value: unknown) => ({ value }) };
    const refused = json({ '~standard': standard });
    await expect(refused).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(refused).rejects.toThrow(/zod 3.*zod 4/);
  });

  it('that has no JSON Schema is refused', async () => {
    await expect(json(z.object({ d: z.date() }))).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(json(z.object({ d: z.bigint() }))).rejects.toThrow(/zod cannot write this schema/);
  });

  it('of another library without JSON Schema is refused', async () => {
    const standard = { version: 1 as const, vendor: 'other', validate: (value: unknown) => ({ value }) };
    await expect(json({ '~standard': standard })).rejects.toThrow(/"other".*jsonSchema/);
  });
});

describe('a format', () => {
  it('without a schema is any object or array', async () => {
    const matcher = new Matcher((await compileResponseFormat({ type: 'json' })).grammar);
    for (const text of ['{}', '[]', '{"a": [1, -0.5, "가\\n", null, {"b": true}]}'])
      expect(matcher.accepts(text)).toBe(true);
    for (const text of ['1', '"a"', '', '{', '{"a":}', '[1,]', '{"a":01}', '["\n"]', '["\\ud800"]']) {
      expect(matcher.accepts(text), text).toBe(false);
    }
  });

  it('never writes the key __proto__ where keys are free, in any spelling', async () => {
    const matcher = new Matcher((await compileResponseFormat({ type: 'json' })).grammar);
    expect(matcher.accepts('{"__proto_":1,"__proto__x":1,"proto":1}')).toBe(true);
    expect(matcher.accepts('{"__proto__":1}')).toBe(false);
    expect(matcher.accepts('{"\\u005f_proto__":1}')).toBe(false);
  });

  it('writes a free key that has no name in the schema only', async () => {
    const schema = { properties: { ab: true, 가: true }, required: ['ab'], additionalProperties: true };
    const matcher = new Matcher((await compileResponseFormat({ type: 'json', schema })).grammar);
    expect(matcher.accepts('{"ab":1,"a":1,"abc":1,"나":2}')).toBe(true);
    for (const key of ['ab', '가', '\\u0061b']) expect(matcher.accepts(`{"ab":1,"가":1,"${key}":1}`), key).toBe(false);
  });

  it('bounds white space', async () => {
    const matcher = new Matcher((await compileResponseFormat({ type: 'json' })).grammar);
    expect(matcher.accepts(`[\n${' '.repeat(32)}1]`)).toBe(true);
    for (const text of [`[\n${' '.repeat(33)}1]`, '[  1]', '[\n\n1]', '{"a":  1}', ' []', '[] ']) {
      expect(matcher.accepts(text), text).toBe(false);
    }
  });

  it('of a grammar is that grammar, and its value the text', async () => {
    const format = await compileResponseFormat<string>({ type: 'grammar', grammar: 'root ::= "a"' });
    expect(format.grammar).toBe('root ::= "a"');
    await expect(format.parse('a')).resolves.toBe('a');
  });

  it('that was compiled is taken as it is', async () => {
    const format = await compileResponseFormat({ type: 'json', schema: { type: 'null' } });
    expect(await compileResponseFormat(format)).toBe(format);
    await expect(format.parse('null')).resolves.toBeNull();
    await expect(format.parse('nul')).rejects.toBeInstanceOf(ModelOutputError);
  });

  it.each([null, 'json', [], {}, { type: 'xml' }, { type: 'json', grammar: 'root ::= "a"' }, { type: 'grammar' }])(
    'that is %j is refused',
    async (format) => {
      const refused = compileResponseFormat(format as unknown as ResponseFormat);
      await expect(refused).rejects.toBeInstanceOf(InvalidArgumentError);
    },
  );
});

describe('classes of characters', () => {
  it.each(['\\p{L}', '\\P{Lu}', '\\p{Co}', '\\p{Cn}', '\\p{Noncharacter_Code_Point}', '\\w', '\\S', '\\d'])(
    '%s are those of the regular expressions of this runtime',
    (name) => {
      const one = new RegExp(name, 'u');
      const set = classEscape(name);
      let at = 0;
      let wrong = 0;
      for (let code = 0; code <= 0x10ffff; code++) {
        if (code === 0xd800) code = 0xe000;
        while (at < set.length && (set[at]?.[1] as number) < code) at++;
        const isIn = at < set.length && (set[at]?.[0] as number) <= code;
        if (isIn !== one.test(String.fromCodePoint(code))) wrong++;
      }
      expect(wrong).toBe(0);
    },
  );
});
