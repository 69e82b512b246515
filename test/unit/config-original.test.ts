import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import { SCHEMA, SECTION_NAMES, yamlKey } from '../../lib/config-schema.js';
import { InvalidArgumentError } from '../../lib/errors.js';
import { likelyMeant } from '../../lib/misspelling.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
  file = join(folder, 'config.yaml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(text: string): Config {
  writeFileSync(file, text);
  return new Config(file);
}

/** As a project in Python keeps it: its own sections and keys, comments, an anchor. */
const ORIGINAL = `# 설정 파일
model:
  name: "Bllossom/llama-3.2-Korean-Bllossom-AICA-5B"
  device_map: "auto"
  torch_dtype: "torch.bfloat16"   # bfloat16 권장
  low_cpu_mem_usage: True
  trust_remote_code: true
  attn_implementation: sdpa

quantization:
  load_in_4bit: true
  bnb_4bit_compute_dtype: torch.float16
  bnb_4bit_quant_type: "nf4"
  bnb_4bit_use_double_quant: yes
  load_in_8bit: false
  bnb_4bit_quant_storage: uint8

generation:
  max_tokens: "512"
  temperature: 1e-1
  do_sample: on
  top_p: .95
  top_k: 5_0
  repetition_penalty: 1.2
  no_repeat_ngram_size: 3

hardware:
  target_gpu: "RTX 4060"
  target_vram_gb: 8
  use_cpu_offload: False
  max_memory_usage: 0.9

paths:
  cache_dir: &cache "./model_cache"
  log_dir: "./logs"
  output_dir: "./outputs"
  config_file: "./config.yaml"

# 우리 것
logging:
  level: INFO
  folder: *cache
prompts: [ "요약: {text}", '[표]' ]
`;

describe("a file of the original's projects", () => {
  it('is read, each value in the spelling that people use', () => {
    const config = load(ORIGINAL);
    expect(config.model).toEqual({
      ...new Config().model,
      trustRemoteCode: true,
    });
    expect(config.quantization).toEqual({
      type: 'Q4_K_M',
      loadIn4bit: true,
      loadIn8bit: false,
      bnb4bitQuantType: 'nf4',
      bnb4bitComputeDtype: 'float16',
      bnb4bitUseDoubleQuant: true,
    });
    expect(config.generation).toEqual({
      ...{ maxTokens: 512, temperature: 0.1, doSample: true, topP: 0.95, topK: 50, repetitionPenalty: 1.2 },
    });
    expect(config.hardware).toEqual({ ...new Config().hardware, targetGpu: 'RTX 4060' });
    expect(config.paths).toEqual(new Config().paths);
  });

  it('is written back with its comments and all that is not ours', () => {
    const config = load(ORIGINAL);
    config.generation.topK = 7;
    config.saveToYaml(file);
    const text = readFileSync(file, 'utf8');
    for (const kept of [
      '# 설정 파일\nmodel:\n',
      '# bfloat16 권장\n',
      '  attn_implementation: sdpa\n',
      '  bnb_4bit_quant_storage: uint8\n',
      '  no_repeat_ngram_size: 3\n',
      '\n# 우리 것\nlogging:\n  level: INFO\n  folder: *cache\n',
      'prompts: [ "요약: {text}", \'[표]\' ]\n',
      '  top_k: 7\n',
    ]) {
      expect(text).toContain(kept);
    }
    expect(new Config(file).toJSON()).toEqual(config.toJSON());
    config.saveToYaml(file);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('that is all comments keeps them', () => {
    const config = load('# 하나\n\n# 둘\n');
    config.saveToYaml(file);
    expect(readFileSync(file, 'utf8')).toMatch(/# 하나\n\n# 둘\n[\s\S]*model:\n/);
    expect(new Config(file).toJSON()).toEqual(config.toJSON());
  });

  it('that shares a mapping by an alias keeps it for the others', () => {
    const config = load('shared: &s { top_k: 4 }\ngeneration: *s\nmine: *s\n');
    expect(config.generation.topK).toBe(4);
    config.generation.topK = 5;
    config.saveToYaml(file);
    expect(readFileSync(file, 'utf8')).toMatch(/^shared: &s \{ top_k: 4 \}\ngeneration:\n[\s\S]*mine: \*s\n/);
    expect(new Config(file).generation.topK).toBe(5);
  });

  it('in the encoding of Windows programs is read', () => {
    expect(load('\ufeffgeneration:\r\n  max_tokens: 5\r\n').generation.maxTokens).toBe(5);
  });
});

describe('spellings of values', () => {
  const spelled: [string, string, unknown][] = [
    ['model.device_map', 'null', 'auto'],
    ['model.device_map', 'None', 'auto'],
    ['model.device_map', 'balanced_low_0', 'auto'],
    ['model.device_map', '"cuda:1"', 'cuda:1'],
    ['model.torch_dtype', 'bfloat16', 'bfloat16'],
    ['model.torch_dtype', 'torch.half', 'float16'],
    ['model.torch_dtype', 'fp32', 'float32'],
    ['model.path', 'null', null],
    ['hardware.target_gpu', '1', 1],
    ['hardware.target_gpu', '"1"', '1'],
    ['hardware.target_gpu', '', null],
    ['hardware.gpu_layers', '"12"', 12],
    ['hardware.gpu_layers', 'auto', 'auto'],
    ['hardware.threads', '0x10', 16],
    ['hardware.max_memory_usage', "'0.5'", 0.5],
    ['hardware.use_cpu_offload', 'Yes', true],
    ['hardware.use_cpu_offload', '"off"', false],
    ['generation.temperature', '1E-1', 0.1],
    ['generation.max_tokens', '1e2', 100],
    ['generation.max_tokens', '256.0', 256],
    ['generation.max_tokens', '~', 256],
    ['generation.max_tokens', '', 256],
  ];
  it.each(spelled)('%s: %s', (name, text, value) => {
    const [section, spelling] = name.split('.') as ['model', string];
    const [key] = Object.entries(SCHEMA[section]).find(([key, field]) => yamlKey(key, field) === spelling) ?? [];
    expect(Reflect.get(load(`${section}:\n  ${spelling}: ${text}\n`)[section], key as string)).toBe(value);
  });

  it('are all taken in snake_case and in camelCase', () => {
    for (const section of SECTION_NAMES) {
      for (const [key, field] of Object.entries(SCHEMA[section])) {
        const value = JSON.stringify(field.initial);
        const config = load(`${section}:\n  ${key}: ${value}\n`);
        expect(config.toJSON()).toEqual(load(`${section}:\n  ${yamlKey(key, field)}: ${value}\n`).toJSON());
        expect(() => load(`${section}:\n  ${key}: ${value}\n  ${key}x: 1\n`)).toThrow(/config\.yaml:3/);
      }
    }
  });

  it.each([
    ['{ load_in_8bit: true }', { type: 'Q8_0', loadIn4bit: false, loadIn8bit: true }],
    ['{ load_in_8bit: true, load_in_4bit: false }', { type: 'Q8_0', loadIn4bit: false, loadIn8bit: true }],
    ['{ load_in_8bit: true, load_in_4bit: true, type: BF16 }', { type: 'BF16', loadIn4bit: true, loadIn8bit: true }],
    ['{ load_in_4bit: false }', { type: 'Q4_K_M', loadIn4bit: false, loadIn8bit: false }],
  ])('quantization: %s', (text, expected) => {
    expect(load(`quantization: ${text}`).quantization).toMatchObject(expected);
  });
});

describe('keys that are not known', () => {
  it.each([
    ['generation:\n  max_token: 5\n', /Unknown key "max_token" in generation: did you mean max_tokens\? \(.*:2\)/],
    ['generation:\n  temprature: 5\n', /did you mean temperature\?/],
    ['generation:\n  max-tokens: 5\n', /did you mean max_tokens\?/],
    ['generation:\n  Top_P: 1\n', /did you mean top_p\?/],
    ['hardware:\n\n  gpu_layer: 5\n', /"gpu_layer" in hardware: did you mean gpu_layers\? \(.*:3\)/],
    ['model:\n  naem: x\n', /did you mean name\?/],
    ['quantization:\n  load_in_4_bit: true\n', /did you mean load_in_4bit\?/],
  ])('%j: a likely misspelling is refused', (text, message) => {
    expect(() => load(text)).toThrow(InvalidArgumentError);
    expect(() => load(text)).toThrow(message);
  });

  it.each(['generation:\n  max_new_tokens: 5\n', 'model:\n  base: x\n', 'generation:\n  min_p: 0.1\n', 'models: {}\n'])(
    '%j: others are kept',
    (text) => {
      load(text).saveToYaml(file);
      expect(readFileSync(file, 'utf8')).toContain(text.split('\n').at(-2));
    },
  );
});

describe('likelyMeant', () => {
  const known = ['max_tokens', 'temperature', 'type', 'top_p', 'top_k'];
  it.each([
    ['max_tokens', 'max_tokens'],
    ['maxtokns', 'max_tokens'],
    ['mxa_tokens', 'max_tokens'],
    ['max_tokens_x23', undefined],
    ['tpye', 'type'],
    ['tape', 'type'],
    ['size', undefined],
    ['', undefined],
    ['x'.repeat(99), undefined],
  ])('%s means %s', (name, meant) => expect(likelyMeant(name, known)).toBe(meant));
});
