import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bllossom, ENDLESS, PICTURE, workFolder } from '../support/cli.js';

let schema: string;
let grammar: string;
let work: string;
beforeAll(() => {
  work = workFolder('cli-format');
  schema = join(work, 'schema.json');
  grammar = join(work, 'answer.gbnf');
  const count = { type: 'integer', minimum: 0, maximum: 99 };
  const properties = { kind: { enum: ['receipt', '영수증'] }, count };
  const shape = { type: 'object', properties, required: ['kind', 'count'], additionalProperties: false };
  writeFileSync(schema, JSON.stringify(shape));
  writeFileSync(grammar, 'root ::= "예" | "아니요"\n');
});

const SEEDED = ['--model', ENDLESS, '--seed', '3'];

describe('--schema', () => {
  it.each([
    ['text', () => ['text', 'x']],
    ['vision', () => ['vision', PICTURE, 'x']],
    ['document', () => ['document', PICTURE]],
  ])('makes the answer of %s JSON by the schema', async (_, args) => {
    const run = await bllossom([...args(), '--schema', schema, ...SEEDED]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const { kind, count, ...more } = JSON.parse(run.stdout);
    expect(['receipt', '영수증']).toContain(kind);
    expect(Number.isInteger(count) && count >= 0 && count <= 99).toBe(true);
    expect(more).toEqual({});
  });

  it('gives the value with --json', async () => {
    const run = await bllossom(['text', 'x', '--schema', schema, '--json', ...SEEDED]);
    const { parsed, response } = JSON.parse(run.stdout);
    expect(parsed).toEqual(JSON.parse(response));
  });
});

describe('--grammar', () => {
  it('makes every answer a text of the grammar, also in a chat', async () => {
    const run = await bllossom(['text', '-i', '--grammar', grammar, ...SEEDED], { input: 'a\nb\n' });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/^((예|아니요)\n){2}$/);
  });

  it('that is malformed is told in one line', async () => {
    const malformed = join(work, 'malformed.gbnf');
    writeFileSync(malformed, 'root ::= "yes\n');
    const run = await bllossom(['text', 'x', '--grammar', malformed, ...SEEDED]);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^bllossom: error: [^\n]+\n$/);
  });
});

describe('a format is refused before the model is loaded', () => {
  const refused: [string, () => string[], RegExp][] = [
    ['no such schema', () => ['--schema', 'none.json'], /none\.json cannot be read/],
    ['a schema that is no JSON', () => ['--schema', grammar], /answer\.gbnf: /],
    ['a schema that says nothing', () => ['--schema', file('bad.json', '{"type":"objct"}')], /bad\.json: .*objct/],
    ['an empty grammar', () => ['--grammar', file('empty.gbnf', ' \n')], /empty\.gbnf: /],
    ['both', () => ['--schema', schema, '--grammar', grammar], /not both/],
    ['a stop text beside it', () => ['--schema', schema, '--stop', 'x'], /--stop does not go with/],
  ];
  const file = (name: string, text: string) => {
    writeFileSync(join(work, name), text);
    return join(work, name);
  };
  it.each(refused)('%s', async (_, args, pattern) => {
    const run = await bllossom(['text', 'x', '--model', 'none.gguf', ...args()]);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^bllossom: error: [^\n]+\n$/);
    expect(run.stderr).toMatch(pattern);
  });
});
