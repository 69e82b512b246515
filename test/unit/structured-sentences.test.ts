import { describe, expect, it } from 'vitest';
import { schemaGrammar } from '../../lib/structured/schema-grammar.js';
import { judge } from '../support/ajv.js';
import { Matcher } from '../support/gbnf-matcher.js';
import { randomNumbers, Sampler } from '../support/gbnf-sampler.js';
import { RandomSchema } from '../support/random-schema.js';
import { SCHEMAS } from '../support/schemas.js';

function expectValid(schema: unknown, count: number, seed: number): void {
  const problem = judge(schema);
  const sampler = new Sampler(schemaGrammar(schema), seed);
  for (let i = 0; i < count; i++) {
    const sentence = sampler.draw(20 + (i % 5) * 60);
    const why = problem(JSON.parse(sentence));
    expect(why, `${sentence}\n${JSON.stringify(schema)}`).toBeUndefined();
  }
}

describe('every text of the grammar is valid under its schema:', () => {
  it.each(SCHEMAS)('%s', (_, schema) => expectValid(schema, 200, 7));

  it('300 random schemas', () => {
    const random = randomNumbers(20);
    for (let i = 0; i < 300; i++) expectValid(new RandomSchema(random).make(), 20, i);
  });
});

describe('what JSON.stringify writes of a text of the grammar belongs to it:', () => {
  // A drawn value may repeat a key, order keys freely or write a number in a longer way; written anew it is plain.
  it.each(SCHEMAS)('%s', (_, schema) => {
    const grammar = schemaGrammar(schema);
    const sampler = new Sampler(grammar, 11);
    const matcher = new Matcher(grammar);
    for (let i = 0; i < 10; i++) {
      const value: unknown = JSON.parse(sampler.draw(60));
      for (const space of [undefined, 2, 4, '\t']) {
        const written = JSON.stringify(value, null, space);
        if (hasLongNumber(value)) continue;
        expect(matcher.firstWrong(written), `${written}\n${grammar.slice(0, 2000)}`).toBeUndefined();
      }
    }
  });
});

/** `JSON.stringify` gives numbers from 1e21 on a sign in the exponent, and small ones three digits of it. */
function hasLongNumber(value: unknown): boolean {
  return /e[+-]?\d{3}|\d{16}/.test(JSON.stringify(value)) || /\d\.\d{16}/.test(JSON.stringify(value));
}
