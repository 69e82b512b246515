import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONVERSION_TYPES } from '../../lib/convert/types.js';
import { knownModels, readRegistry, resolveModel } from '../../lib/models/registry.js';

const AICA = 'Bllossom/llama-3.2-Korean-Bllossom-AICA-5B';
const OWN = readFileSync('models/registry.yaml', 'utf8');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bllossom-registry-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The registry with a text replaced, which must be there. */
function changed(from: string | RegExp, to: string): string {
  const text = OWN.replace(from, to);
  expect(text).not.toBe(OWN);
  const file = join(folder, 'registry.yaml');
  writeFileSync(file, text);
  return file;
}

describe('the known models', () => {
  it('are those of the table, with the parameters that are known of the published files', () => {
    const facts = knownModels().map(({ alias, repository, parameters, gated }) => [
      alias,
      repository,
      parameters,
      gated,
    ]);
    expect(facts).toEqual([
      ['aica-5b', AICA, 5_198_628_129, false],
      ['llama-3.2-11b-vision', 'meta-llama/Llama-3.2-11B-Vision', 10_642_941_475, true],
      ['llama-3.2-11b-vision-instruct', 'meta-llama/Llama-3.2-11B-Vision-Instruct', 10_670_220_835, true],
      ['llama-3.2-90b-vision', 'meta-llama/Llama-3.2-90B-Vision', 88_593_355_323, true],
      ['llama-3.2-90b-vision-instruct', 'meta-llama/Llama-3.2-90B-Vision-Instruct', 88_593_355_323, true],
    ]);
    expect(knownModels()[0]?.downloadBytes).toBe(10_397_256_258); // total_size of the published index
  });

  it('say in two languages whom their licence excludes', () => {
    for (const { licence } of knownModels()) {
      expect(licence.note.en).toMatch(/European Union/);
      expect(licence.note.ko).toMatch(/유럽 연합/);
    }
  });

  it('have a size and a larger memory for every quantization type', () => {
    for (const { sizes } of knownModels()) {
      expect(Object.keys(sizes).sort()).toEqual([...CONVERSION_TYPES].sort());
      for (const { file, memory } of Object.values(sizes)) expect(memory).toBeGreaterThan(file);
    }
  });
});

describe('a name', () => {
  it.each(['aica-5b', 'AICA-5B', AICA, AICA.toLowerCase()])('%s means AICA-5B', (name) => {
    expect(resolveModel(name)).toMatchObject({ repository: AICA, revision: undefined, entry: { alias: 'aica-5b' } });
  });

  it('may be any id of the hub, and bring a revision', () => {
    expect(resolveModel('some.one/a_model-1.5')).toEqual({
      ...{ repository: 'some.one/a_model-1.5', revision: undefined, entry: undefined },
    });
    expect(resolveModel('aica-5b@refs/pr/1')).toMatchObject({ repository: AICA, revision: 'refs/pr/1' });
  });

  it.each([
    ['aica5b', /"aica5b": did you mean aica-5b\?/],
    ['llama-3.2-11b-visoin', /did you mean llama-3\.2-11b-vision\?/],
    ['gpt-2', /no model "gpt-2": Known are aica-5b, /],
  ])('%s is unknown: what was meant is told', (name, message) => {
    expect(() => resolveModel(name)).toThrow(message);
  });

  it.each(['', ' ', '../x', 'a/../b', '/etc/passwd', 'a/b/c', 'a/', '/b', 'a/.b', '-a/b', 'a--b/c', 'a/b\0', 'a/b\n'])(
    '%j is no id of the hub',
    (name) => {
      expect(() => resolveModel(name)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    },
  );

  it.each(['a/b@', 'a/b@../x', 'a/b@-x', 'a/b@x y', 'a/b@x@y', `a/b@${'x'.repeat(256)}`])(
    '%j has no revision',
    (name) => {
      expect(() => resolveModel(name)).toThrow(/revision of model/);
    },
  );

  it.each([undefined, null, 5, {}, []])('%j is refused', (name) => {
    expect(() => resolveModel(name as unknown as string)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    );
  });
});

describe('a registry', () => {
  it.each([
    ['an id that is none', AICA, '../x', /models\.aica-5b\.repository/],
    ['a licence that is not listed', 'licence: llama3.2', 'licence: mit', /models\.aica-5b\.licence/],
    ['a gate that is no truth', 'gated: false', 'gated: maybe', /models\.aica-5b\.gated/],
    ['an unknown key', 'gated: false', 'gatd: false', /Unknown option "gatd"/],
    ['a layer beyond the last', '28, 33]', '28, 35]', /architecture\.cross_layers\[6\]/],
    ['a text for a number', 'layers: 35', 'layers: many', /architecture\.layers/],
    ['a negative size', /file: \d+/, 'file: -1', /sizes\.\w+\.file/],
    ['a type that is missing', /Q8_0: .*/, '', /sizes\.Q8_0/],
    ['an alias with a slash', 'aica-5b:', 'a/b:', /an alias/],
    ['an address that is not https', 'url: https', 'url: http', /licences\.llama3\.2\.url/],
    ['a note in one language', /ko: >-\n.*/, '', /licences\.llama3\.2\.note\.ko/],
  ])('with %s is refused by name', (_, from, to, message) => {
    expect(() => readRegistry(changed(from, to))).toThrow(message);
  });
});

describe('the sizes in the registry', () => {
  const check = (file: string) =>
    spawnSync(process.execPath, ['scripts/registry-sizes.mjs', '--check', '--file', file], { encoding: 'utf8' });

  it("are what the converter's own plan gives", () => {
    const { status, stderr } = check('models/registry.yaml');
    expect([status, stderr]).toEqual([0, '']);
  });

  it('are named where they are not', () => {
    const { status, stderr } = check(changed(/file: \d+/, 'file: 5'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/models\.aica-5b\.sizes is not what/);
  });
});
