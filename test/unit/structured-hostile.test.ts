import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../lib/errors.js';
import { schemaGrammar } from '../../lib/structured/schema-grammar.js';
import { patient } from '../support/patience.js';

const MILLISECONDS = patient(100);
/** For large schemas that are sound: the aim is the same, but a slow hour of a shared machine exceeds it. */
const SOUND_MILLISECONDS = patient(250);

/**
 * Milliseconds that the work itself takes, by the clock of the processor where others share it: the least of several
 * runs, since a machine can only make it seem slower. Runs until it is seen to be in time, at most nine times.
 */
function timeOf(work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 9 && least >= MILLISECONDS; run++) {
    const start = performance.now();
    const used = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(used);
    least = Math.min(least, performance.now() - start, (user + system) / 1000);
  }
  return least;
}

/** The error of a schema, and that it came in time. */
function refusal(schema: unknown): Error {
  let caught: unknown;
  const time = timeOf(() => {
    caught = undefined;
    try {
      schemaGrammar(schema);
    } catch (error) {
      caught = error;
    }
  });
  expect(time).toBeLessThan(MILLISECONDS);
  expect(caught).toBeInstanceOf(InvalidArgumentError);
  return caught as Error;
}

const text = { type: 'string' };
const pattern = (source: string, more = {}) => ({ ...text, pattern: source, ...more });
const inA = (schema: unknown) => ({ type: 'object', properties: { a: schema }, required: ['a'] });
const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
  let schema: unknown = true;
  for (let i = 0; i < depth; i++) schema = wrap(schema);
  return schema;
};
const cyclic: { properties: Record<string, unknown> } = { properties: {} };
cyclic.properties.self = cyclic;
const thrower = new Proxy(
  {},
  {
    get: () => undefined,
    ownKeys: () => {
      throw new Error('no keys for you');
    },
  },
);
const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();
const endlessArray = new Proxy([], { get: (_, key) => (key === 'length' ? 1e9 : {}) });
const manyRefs = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]));

const CANNOT = /cannot be enforced/;
const rows: [string, unknown, RegExp][] = [
  // not a schema
  ['undefined', undefined, /#.*undefined is not JSON/],
  ['null', null, /#.*object, true or false; this is null/],
  ['a number', 5, /#.*this is 5/],
  ['a text', 'object', /this is "object"/],
  ['an array', [text], /this is an array of 1/],
  ['false', false, /nothing can match.*false/],
  ['a property that is no schema', inA(3), /#\/properties\/a: .*this is 3/],
  ['a function', inA(() => true), /#\/properties\/a: a function is not JSON/],
  ['a BigInt', { minimum: 5n }, /#\/minimum: 5n is not JSON/],
  ['a symbol', { title: Symbol('x') }, /#\/title: a symbol/],
  ['NaN', { minimum: Number.NaN }, /#\/minimum: NaN/],
  ['Infinity', { maximum: Number.POSITIVE_INFINITY }, /#\/maximum: Infinity/],
  ['a Map', new Map([['type', 'string']]), /a Map is not JSON/],
  ['a class instance', inA(new (class Model {})()), /#\/properties\/a: a Model is not JSON/],
  ['a Date', { const: new Date() }, /#\/const: a Date/],
  ['an inherited prototype', Object.create({ type: 'string' }), /not JSON/],
  ['half a surrogate pair', { const: '\ud83d' }, /#\/const: .*surrogate/],
  ['half a surrogate pair in a key', inA({ properties: { '\udc00': true } }), /surrogate/],
  // hostile objects
  ['a cycle', cyclic, /#\/properties\/self: .*contains itself/],
  [
    'a getter that throws',
    {
      get type() {
        throw new Error('boom');
      },
    },
    /could not be read: boom/,
  ],
  [
    'a getter that throws nothing',
    {
      get type() {
        throw undefined;
      },
    },
    /could not be read: undefined/,
  ],
  ['a Proxy that throws', thrower, /no keys for you/],
  ['a revoked Proxy', revoked, /could not be read: .*revoked/],
  ['an endless array', { enum: endlessArray }, /value 10001.*make it smaller/],
  ['60,000 nested arrays', { const: nested(60_000, (inner) => [inner]) }, /deeper than 64/],
  ['60,000 nested schemas', nested(60_000, (inner) => ({ items: inner })), /deeper than 64/],
  ['100,000 values', { enum: Array.from({ length: 100_000 }, (_, i) => i) }, /10000/],
  ['a text of 2 MB', { description: 'x'.repeat(2_000_000) }, /1000000 characters/],
  // keywords with wrong values
  ['an unknown type', { type: 'text' }, /#\/type: .*null, boolean.*"text"/],
  ['no types', { type: [] }, /#\/type/],
  ['an own key __proto__', JSON.parse('{"__proto__": {"type": "string"}}'), /"__proto__" is not known/],
  ['a misspelt keyword', inA({ ...text, maxLenght: 3 }), /#\/properties\/a: .*"maxLenght" is not known.*spelling/],
  ['constructor as a keyword', { constructor: 1 }, /"constructor" is not known/],
  ['a negative length', { ...text, minLength: -1 }, /#\/minLength: .*integer from 0.*-1/],
  ['a fraction as length', { ...text, maxLength: 1.5 }, /#\/maxLength: .*1\.5/],
  ['a length as text', { ...text, maxLength: '5' }, /#\/maxLength: .*"5"/],
  ['maxLength below minLength', { ...text, minLength: 5, maxLength: 4 }, /"maxLength" 4 is less than "minLength" 5/],
  ['maxItems below minItems', { type: 'array', minItems: 2, maxItems: 1 }, /"maxItems" 1 is less/],
  ['a billion items', { type: 'array', minItems: 1e9 }, /#\/minItems: .*1000000000; at most 1000000/],
  ['a huge minLength', { ...text, minLength: 2 ** 53 }, /at most 1000000/],
  [
    'a bound that is true',
    { type: 'number', minimum: 1, exclusiveMinimum: true },
    /#\/exclusiveMinimum: .*a number, not true/,
  ],
  ['an empty enum', { enum: [] }, /#\/enum: .*at least one/],
  ['an enum that is an object', { enum: { a: 1 } }, /#\/enum: .*an object/],
  ['required that is true', inA({ properties: {}, required: true }), /#\/properties\/a\/required/],
  ['properties that are an array', { properties: [] }, /#\/properties: .*object of schemas/],
  ['an empty anyOf', { anyOf: [] }, /#\/anyOf: .*at least one/],
  ['multipleOf 0', { type: 'number', multipleOf: 0 }, /#\/multipleOf: .*above 0/],
  ['a multipleOf that is no power of ten', { type: 'number', multipleOf: 0.3 }, /"multipleOf" 0.3.*power of ten/],
  ['a large multipleOf', { type: 'integer', multipleOf: 1237 }, /"multipleOf" 1237.*at most 200/],
  // what cannot be enforced
  ...(
    [
      ...[
        'not',
        'if',
        'then',
        'else',
        'uniqueItems',
        'contains',
        'minContains',
        'patternProperties',
        'dependentRequired',
      ],
      ...['dependentSchemas', 'dependencies', 'unevaluatedProperties', 'unevaluatedItems', '$dynamicRef', 'nullable'],
    ] as const
  ).map((keyword): [string, unknown, RegExp] => [keyword, inA({ [keyword]: {} }), CANNOT]),
  ['propertyNames with a pattern', { type: 'object', propertyNames: pattern('^a') }, /#\/propertyNames: .*enum/],
  ['a required name that is excluded', { type: 'object', propertyNames: { enum: ['a'] }, required: ['b'] }, /"b"/],
  ['minProperties beside free keys', { type: 'object', minProperties: 2 }, /"minProperties" 2/],
  ['an enum beside a pattern', { enum: ['a'], pattern: 'a' }, /#\/pattern: .*remove it/],
  ['oneOf that may overlap', { oneOf: [{ type: 'number' }, { type: 'integer' }] }, /#\/oneOf: .*0 and 1.*"anyOf"/],
  [
    'oneOf inside anyOf beside keywords',
    { type: 'object', anyOf: [{ oneOf: [inA(text), inA(text)] }] },
    /#\/anyOf\/0\/oneOf/,
  ],
  ['oneOf of 1,000', { oneOf: Array.from({ length: 1000 }, (_, i) => ({ const: i })) }, /1000 members.*"anyOf"/],
  ['oneOf without a tag', { oneOf: [inA(text), inA(text)] }, /#\/oneOf: .*"anyOf"/],
  ['oneOf that accepts other types', { oneOf: [{ properties: {} }, text] }, /#\/oneOf/],
  // references
  ['a remote $ref', { $ref: 'https://example.com/s.json' }, /#\/\$ref: .*another document.*\$defs/],
  ['an anchor', { $ref: '#name' }, /anchor.*JSON pointer/],
  ['a $ref that is a number', { $ref: 3 }, /#\/\$ref: .*text, not 3/],
  ['a $ref to nowhere', inA({ $ref: '#/$defs/x' }), /#\/properties\/a\/\$ref: .*leads nowhere/],
  ['a $ref to __proto__', { $ref: '#/__proto__' }, /leads nowhere/],
  ['a $ref with a bad escape', { $ref: '#/%E0%A4%A' }, /% escapes/],
  ['a $ref to itself', { $ref: '#' }, /#: .*without an end/],
  ['a $ref to itself in allOf', { allOf: [{ $ref: '#' }] }, /without an end/],
  ['a $ref to itself in anyOf', { anyOf: [{ $ref: '#' }, text] }, /leads back/],
  ['a $ref to itself beside keywords', { type: 'object', anyOf: [{ $ref: '#' }] }, /without an end/],
  [
    'two that name each other',
    { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' },
    /without an end/,
  ],
  [
    'a loop of alternatives',
    { $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { oneOf: [{ $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' },
    /without an end|leads back/,
  ],
  ['recursion that never ends', inA({ $ref: '#' }), /without end.*optional/],
  ['items without end', { type: 'array', items: { $ref: '#' }, minItems: 1 }, /without end/],
  [
    'mutual recursion without end',
    { $defs: { a: inA({ $ref: '#/$defs/b' }), b: inA({ $ref: '#/$defs/a' }) }, $ref: '#/$defs/a' },
    /without end/,
  ],
  [
    '4,000 references in a row',
    { $defs: { ...manyRefs(4000), d4000: text }, $ref: '#/$defs/d0' },
    /more than 256 "\$ref"/,
  ],
  [
    'a million alternatives',
    { allOf: Array.from({ length: 20 }, () => ({ anyOf: [text, { minLength: 1 }] })) },
    /1024 alternatives/,
  ],
  // impossible
  ['types that exclude one another', inA({ allOf: [text, { type: 'number' }] }), /#\/properties\/a.*types exclude/],
  ['a required false', inA(false), /#\/properties\/a: .*false/],
  ['an enum of no allowed value', { type: 'string', enum: [1, 2] }, /no value/],
  ['a range without integers', { type: 'integer', minimum: 1.2, maximum: 1.8 }, /no number/],
  ['a range upside down', { type: 'number', minimum: 2, maximum: 1 }, /no number.*from 2 up to 1/],
  ['an integer too large', { type: 'integer', minimum: 1e300 }, /no number.*1e\+300/],
  ['a tuple without its item', { type: 'array', prefixItems: [false], minItems: 1 }, /no array/],
  ['a pattern that cannot be', pattern('a^b'), /anchor/],
  // patterns
  ['a pattern with a syntax error', pattern('('), /#: "pattern".*no regular expression/],
  ['a pattern that is a number', { ...text, pattern: 5 }, /#\/pattern: .*a text, not 5/],
  ['lookbehind', pattern('(?<=a)b'), /looks behind/],
  ['lookahead in a group', pattern('^(?:a(?!b))*$'), /looks ahead/],
  ['a backreference', pattern('^(a+)\\1$'), /backreference/],
  ['a named backreference', pattern('^(?<n>a)\\k<n>$'), /backreference/],
  ['a word boundary', pattern('\\bword\\b'), /word boundary/],
  ['60,000 groups', pattern('('.repeat(60_000) + ')'.repeat(60_000)), /120000 characters/],
  ['900 groups', pattern('('.repeat(900) + ')'.repeat(900)), /nested deeper than 32|no regular expression/],
  ['a billion repetitions', pattern('^a{1000000000}$'), /at most 1000000/],
  ['nested counts', pattern('^((a{1,100}b?){1,100}c?){1,100}$'), /too complex|states/],
  [
    'patterns that explode',
    { allOf: [pattern(`^(a|b)*a${'(a|b)'.repeat(20)}$`), pattern('b')] },
    /#\/allOf\/0: .*(too complex|states)/,
  ],
  ['a pattern with a large length', pattern('^([a-z]+ ?)+$', { maxLength: 100_000 }), /too complex|states/],
  ['a thousand optional parts', pattern(`^(${'a?'.repeat(900)}b)+$`), /too complex|states/],
];

describe('a schema is refused in time, with its place and what to do:', () => {
  it.each(rows)('%s', (_, schema, message) => {
    expect(refusal(schema).message).toMatch(message);
  });
});

describe('a schema is compiled in time:', () => {
  const good: [string, unknown][] = [
    ['catastrophic repetition', pattern('^(a+)+$')],
    ['catastrophic alternatives', pattern('^(a|aa|a?)*b$')],
    ['nested stars', pattern('^((((a*)*)*)*)*$')],
    ['a million characters', { ...text, maxLength: 1_000_000 }],
    ['more items than can be counted', { type: 'array', items: text, maxItems: 1e12 }],
    [
      'a deep tree by references',
      {
        $defs: Object.fromEntries(
          Array.from({ length: 600 }, (_, i) => [`d${i}`, i === 599 ? text : inA({ $ref: `#/$defs/d${i + 1}` })]),
        ),
        $ref: '#/$defs/d0',
      },
    ],
    [
      '1,500 optional properties',
      { type: 'object', properties: Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`p${i}`, true])) },
    ],
    ['oneOf of 200', { oneOf: Array.from({ length: 200 }, (_, i) => inA({ const: i })) }],
    ['a tuple of 3,000', { type: 'array', prefixItems: Array.from({ length: 3000 }, () => text) }],
    ['5,000 values', { enum: Array.from({ length: 5000 }, (_, i) => `값 ${i * 7919}`) }],
    ['values that begin alike', { enum: Array.from({ length: 200 }, (_, i) => 'a'.repeat(i)) }],
    ['a letter of any script', pattern('^\\p{L}+$')],
  ];
  it.each(good)('%s', (_, schema) => {
    expect(schemaGrammar(schema)).toMatch(/^root ::= /);
    expect(timeOf(() => schemaGrammar(schema))).toBeLessThan(SOUND_MILLISECONDS);
  });
});

it('reads a schema once, and changes nothing anywhere', () => {
  let reads = 0;
  const schema = Object.freeze({
    get type() {
      reads++;
      return reads === 1 ? 'integer' : 'nonsense';
    },
  });
  expect(schemaGrammar(schema)).toContain('integer');
  expect(reads).toBe(1);
  schemaGrammar(JSON.parse('{"type":"object","properties":{"__proto__":{"const":1},"constructor":{"const":2}}}'));
  expect(({} as Record<string, unknown>).const).toBeUndefined();
});

it('takes plain objects of other realms and without a prototype', () => {
  expect(schemaGrammar(Object.assign(Object.create(null), { type: 'null' }))).toContain('"null"');
});
