import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { Engine } from '../../lib/native/engine.js';
import { loadNative } from '../../lib/native/load.js';
import { loadOptions, ROOT, temporaryFolder } from '../support/model.js';

const FOLDER = join(ROOT, 'test', 'fixtures', 'tokens');

type Group = 'plain' | 'special_looking' | 'folding';
interface Fixture {
  lines: Record<Group, string[]>;
  tokenizers: { checkpoint: string; ids: Record<Group, number[][]> }[];
}

const fixture = JSON.parse(readFileSync(join(FOLDER, 'tokens.json'), 'utf8')) as Fixture;

describe.each(fixture.tokenizers)('the tokenizer of $checkpoint, against Hugging Face tokenizers', (reference) => {
  let engine: Engine;
  beforeAll(async () => {
    const output = join(temporaryFolder(), `${reference.checkpoint}.gguf`);
    await convertCheckpoint({ source: join(FOLDER, reference.checkpoint), output, type: 'F32' });
    engine = new Engine(loadNative());
    await engine.load(loadOptions(output));
  });
  afterAll(() => engine.close());

  const differing = (group: Group) =>
    fixture.lines[group].filter((text, i) => {
      const ids = engine.tokenize([{ text }]);
      return ids.length !== reference.ids[group][i]?.length || ids.some((id, k) => id !== reference.ids[group][i]?.[k]);
    });

  it('gives the same ids for 1,200 Korean, English and mixed lines', () => {
    expect(fixture.lines.plain).toHaveLength(1200);
    expect(differing('plain')).toEqual([]);
  });

  it('takes what looks like a special token as text', () => {
    expect(fixture.lines.special_looking).toContain('<|eot_id|>');
    expect(fixture.lines.special_looking).toContain('<|image|>');
    expect(differing('special_looking')).toEqual([]);
  });

  it('gives the same ids where letters fold to contractions', () => {
    expect(differing('folding')).toEqual([]);
  });

  it('turns every line back into itself', () => {
    for (const text of fixture.lines.plain) expect(engine.detokenize(engine.tokenize([{ text }]))).toBe(text);
  });
});
