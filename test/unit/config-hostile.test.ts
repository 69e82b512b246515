import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import { BllossomError, InvalidArgumentError, IoError } from '../../lib/errors.js';
import { patient } from '../support/patience.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
  file = join(folder, 'config.yaml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(text: string | Uint8Array): Config {
  writeFileSync(file, text);
  return new Config(file);
}

const lines = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n');

describe('hostile files end in a typed error, at once, time after time', () => {
  const laughs = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${i ? `*a${i - 1},`.repeat(9) : 'lol'}]`).join(
    '\n',
  );
  const refused: Record<string, string> = {
    'a hundred thousand brackets': '['.repeat(100_000),
    'a hundred thousand braces': '{a: '.repeat(50_000),
    'brackets in quotes': `a: "${'['.repeat(1000)}"`,
    'brackets opened and closed': `a: ${'['.repeat(600)}${']'.repeat(600)}`,
    'a hundred thousand dashes': '- '.repeat(50_000),
    'question marks': '? '.repeat(1000),
    'deep indentation': Array.from({ length: 200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    'dashes under dashes': Array.from({ length: 20 }, (_, i) => `${'  '.repeat(i * 2)}- -`).join('\n'),
    'too many bytes': `a: ${'x'.repeat(300_000)}`,
    'aliases of aliases as a value': `${laughs}\ngeneration: { top_k: *a11 }`,
    'an alias to nothing': 'model: { name: *nope }',
    'a tag of code': 'model: { name: !!js/function "x" }\nmodel: {}',
    'NUL bytes as a number': 'generation: { top_k: "\\0" }',
  };
  it.each(Object.entries(refused))('%s', (_, text) => {
    for (let round = 0; round < 4; round++) {
      const start = performance.now();
      expect(() => load(text)).toThrow(BllossomError);
      expect(performance.now() - start).toBeLessThan(patient(500));
    }
  });
});

describe('malformed files are refused, naming file and line', () => {
  const directed: [name: string, text: string | Uint8Array, place: number | undefined, message: RegExp][] = [
    ['a prototype as section', 'a: 1\n__proto__: { polluted: 1 }', 2, /"__proto__"/],
    ['a prototype as key', 'generation:\n  __proto__: 1', 2, /"__proto__"/],
    ['a quoted prototype', 'generation:\n  "__proto__": 1', 2, /"__proto__"/],
    ['a constructor', 'generation:\n  top_k: 1\n  constructor: 1', 3, /"constructor"/],
    ['a prototype deep in a foreign section', 'x:\n  y:\n    - prototype: 1', 3, /"prototype"/],
    ['33 levels in flow style', `a:\n  ${'['.repeat(33)}${']'.repeat(33)}`, 2, /deeper than 32/],
    ['33 levels of indentation', lines(33, (i) => `${' '.repeat(i)}a:`), 33, /deeper than the 32/],
    [
      '40 levels, block and flow',
      `${lines(20, (i) => `${' '.repeat(i)}a:`)} ${'['.repeat(20)}${']'.repeat(20)}`,
      20,
      /deeper/,
    ],
    ['101 aliases', `a: &a 1\nb:\n${lines(101, () => '  - *a')}`, 103, /more than 100 aliases/],
    ['an alias to nothing in a foreign section', 'x: 1\ny: *z', 2, /alias "z" of nothing/],
    ['an alias before its anchor', 'x: *y\nz: &y 1', 1, /alias "y" of nothing/],
    ['an alias to itself', 'a: 1\ngeneration: &g\n  top_k: *g', 3, /generation\.topK/],
    ['a merge', 'x: &x { top_k: 1 }\ngeneration:\n  <<: *x', 3, /merge keys/],
    ['NaN', 'generation:\n  temperature: .nan', 2, /temperature but received NaN/],
    ['infinity', 'generation:\n  temperature: .inf', 2, /temperature but received Infinity/],
    ['minus infinity', 'generation:\n  top_k: -.inf', 2, /topK but received -Infinity/],
    ['a number beyond doubles', 'generation:\n  top_p: 1e999', 2, /topP but received Infinity/],
    ['a quoted number beyond doubles', 'generation:\n  top_p: "1e999"', 2, /topP but received Infinity/],
    ['an integer beyond doubles', `generation:\n  top_k: ${'9'.repeat(400)}`, 2, /topK/],
    ['minus one', 'generation:\n  max_tokens: -1', 2, /maxTokens but received -1/],
    ['zero tokens', 'generation:\n  max_tokens: 0', 2, /maxTokens but received 0/],
    ['a share above 1', 'hardware:\n  max_memory_usage: 90', 2, /up to 1 for hardware\.maxMemoryUsage/],
    ['a percentage', 'hardware:\n  max_memory_usage: 90%', 2, /hardware\.maxMemoryUsage but received "90%"/],
    ['a unit', 'hardware:\n  target_vram_gb: 8GB', 2, /hardware\.targetVramGb but received "8GB"/],
    ['a date', 'model:\n  name: !!timestamp 2001-12-14', 2, /tag/],
    ['a Python object', 'model:\n  name: !!python/object/apply:os.system ["id"]', 2, /tag/],
    ['a tag of its own', 'model:\n  name: !secret x', 2, /tag "!secret"/],
    ['a boolean for a text', 'model:\n  name: true', 2, /model\.name but received true/],
    ['a mapping for a text', 'model:\n  name: { a: 1 }', 2, /model\.name but received an object/],
    ['a mapping of devices', 'model:\n  device_map: { "": 0 }', 2, /model\.deviceMap but received an object/],
    ['a text for a boolean', 'hardware:\n  use_cpu_offload: maybe', 2, /useCpuOffload but received "maybe"/],
    ['a number for a boolean', 'quantization:\n  load_in_4bit: 1', 2, /loadIn4bit but received 1/],
    ['4 and 8 bits at once', 'a: 1\nquantization: { load_in_4bit: true, load_in_8bit: true }', 2, /both true/],
    ['a type of numbers', 'model:\n  torch_dtype: torch.int8', 2, /model\.torchDtype but received "int8"/],
    ['a key twice', 'generation:\n  top_k: 1\n  top_k: 2', 3, /not valid YAML/],
    ['a section as a list', 'a: 1\nhardware:\n  - threads: 2', 3, /section hardware must be a mapping/],
    ['two documents', 'a: 1\n---\nb: 2', 2, /not valid YAML/],
    ['a tab as indentation', 'generation:\n\ttop_k: 1', 2, /not valid YAML/],
    ['an open bracket', 'generation: {\n  top_k: 1\n', 3, /not valid YAML/],
    ['an open quote', 'model:\n  name: "x\n', 3, /not valid YAML/],
    ['a bare word', 'hello', 1, /must be a mapping/],
    ['bytes that are not UTF-8', Buffer.concat([Buffer.from('# 설정\n# '), Buffer.from([0xbc, 0xb3])]), 2, /not UTF-8/],
    ['UTF-16', Buffer.from('\ufeffmodel: {}', 'utf16le'), 1, /not UTF-8/],
    ['a megabyte', `# ${'x'.repeat(1 << 20)}`, undefined, /more than the 262144 allowed/],
  ];
  it.each(directed)('%s', (_, text, line, message) => {
    expect(() => load(text)).toThrow(InvalidArgumentError);
    expect(() => load(text)).toThrow(message);
    expect(() => load(text)).toThrow(line === undefined ? 'config.yaml' : `config.yaml:${line}`);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('a pipe, which would block for ever', () => {
    execFileSync('mkfifo', [file]);
    expect(() => new Config(file)).toThrow(IoError);
  });

  it('a name with NUL', () => expect(() => new Config('a\0b')).toThrow(InvalidArgumentError));

  it('and what is just within the limits is read', () => {
    const text = `a: &a 1\nb:\n${lines(100, () => '  - *a')}\nc: ${'['.repeat(31)}${']'.repeat(31)}\n`;
    const padding = `# ${'x'.repeat(256 * 1024 - text.length - 40)}\n`;
    expect(load(`${padding}${text}generation: { top_k: 3 }`).generation.topK).toBe(3);
  });
});

describe('mutations of a good file', () => {
  const GOOD = `# 설정
model: &m
  name: "Bllossom/llama-3.2-Korean-Bllossom-AICA-5B"
  device_map: auto # where
  torch_dtype: torch.bfloat16
quantization: { load_in_4bit: true, bnb_4bit_quant_type: 'nf4' }
generation:
  max_tokens: 256
  temperature: 7e-1
  top_p: 0.9
hardware:
  target_gpu: "RTX 4060"
  max_memory_usage: 0.9
paths:
  cache_dir: ./model_cache
server:
  tokens: &t [a, b, {c: d}]
  same: *t
  text: |
    여러 줄
    lines
`;
  const PIECES = [
    ...[
      ':',
      '-',
      '? ',
      '[',
      ']',
      '{',
      '}',
      '&a ',
      '*t',
      '*m',
      '!!int ',
      '!x ',
      '"',
      "'",
      '|',
      '>',
      '%',
      '@',
      '#',
      '\n',
    ],
    ...[
      '\t',
      '\0',
      '\u2028',
      '\ufeff',
      '한',
      '---\n',
      '...\n',
      '<<: *m\n',
      '__proto__: 1\n',
      '.nan',
      '-1',
      '1e400',
      '\r',
    ],
  ];

  /** mulberry32 */
  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  function mutate(seed: number): Buffer {
    const next = random(seed);
    const below = (limit: number) => Math.floor(next() * limit);
    let bytes = Buffer.from(GOOD);
    for (let change = below(4); change >= 0; change--) {
      const at = below(bytes.length + 1);
      const end = Math.min(bytes.length, at + below(12));
      const kind = below(5);
      const rows = bytes.toString('latin1').split('\n');
      if (kind === 0) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
      else if (kind === 1) bytes[Math.min(at, bytes.length - 1)] = below(256);
      else if (kind === 2) rows.splice(below(rows.length), 0, rows[below(rows.length)] as string);
      else if (kind === 3) rows.splice(below(rows.length), 1);
      else {
        const piece = Buffer.from(PIECES[below(PIECES.length)] as string);
        bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
      }
      if (kind === 2 || kind === 3) bytes = Buffer.from(rows.join('\n'), 'latin1');
    }
    return bytes;
  }

  it('the good file itself is read', () => expect(load(GOOD).generation.temperature).toBe(0.7));

  it('2,000 of them are read, and can then be saved and read again, or refused with file and line', () => {
    let refused = 0;
    for (let seed = 0; seed < 2000; seed++) {
      const text = mutate(seed);
      try {
        const config = load(text);
        config.validate();
        config.saveToYaml(file);
        expect(new Config(file).toJSON(), `seed ${seed}`).toEqual(config.toJSON());
      } catch (error) {
        refused++;
        expect(error, `seed ${seed}`).toBeInstanceOf(InvalidArgumentError);
        expect((error as Error).message, `seed ${seed}`).toMatch(/config\.yaml:\d+/);
      }
    }
    expect(refused).toBeGreaterThan(200);
    expect(refused).toBeLessThan(1900);
  });
});
