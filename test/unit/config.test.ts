import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Config } from '../../lib/config.js';
import { InvalidArgumentError, IoError } from '../../lib/errors.js';

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

describe('defaults', () => {
  it('are those of the reference', () => {
    const config = new Config();
    expect(config.model.name).toBe('Bllossom/llama-3.2-Korean-Bllossom-AICA-5B');
    expect(config.generation).toEqual({
      maxTokens: 256,
      temperature: 0.7,
      doSample: true,
      topP: 0.9,
      topK: 50,
      repetitionPenalty: 1.1,
    });
    expect(config.hardware).toMatchObject({ targetVramGb: 8, useCpuOffload: false, maxMemoryUsage: 0.9 });
    expect(config.paths).toEqual({
      cacheDir: './model_cache',
      logDir: './logs',
      outputDir: './outputs',
      configFile: './config.yaml',
    });
    expect(config.quantization.type).toBe('Q4_K_M');
    expect(() => config.validate()).not.toThrow();
  });

  it('are not shared between instances', () => {
    const first = new Config();
    first.generation.topK = 1;
    expect(new Config().generation.topK).toBe(50);
  });
});

describe('a subclass', () => {
  class MyConfig extends Config {
    projectName = 'mine';

    constructor(file?: string) {
      super(file);
      this.generation.maxTokens = 512;
    }

    setCreativeMode(): void {
      Object.assign(this.generation, { temperature: 1.2, topP: 0.95 });
    }

    setPreciseMode(): void {
      this.generation.temperature = 0.1;
    }
  }

  it('has its own modes and fields beside the defaults', () => {
    const config = new MyConfig();
    config.setPreciseMode();
    expect(config.generation).toMatchObject({ maxTokens: 512, temperature: 0.1, topP: 0.9 });
    config.setCreativeMode();
    expect(config.generation).toMatchObject({ maxTokens: 512, temperature: 1.2, topP: 0.95 });
    expect(config.projectName).toBe('mine');
    expect(() => config.validate()).not.toThrow();
  });

  it('takes a file, and changes what the file says', () => {
    writeFileSync(file, 'generation: { max_tokens: 3, top_k: 7 }\n');
    const config = new MyConfig(file);
    expect(config.generation).toMatchObject({ maxTokens: 512, topK: 7 });
    config.saveToYaml(file);
    expect(new Config(file).generation.maxTokens).toBe(512);
    expect(readFileSync(file, 'utf8')).not.toContain('mine');
  });

  it('has its modes caught when they set nonsense', () => {
    class Wild extends Config {
      setWildMode(): void {
        this.generation.temperature = 9;
      }
    }
    const config = new Wild();
    config.setWildMode();
    expect(() => config.validate()).toThrow(/from 0 to 2 for generation\.temperature but received 9/);
  });
});

describe('values set by a program', () => {
  const nonsense: [string, (config: Config) => void, RegExp][] = [
    ['a wrong type', (config) => Object.assign(config.hardware, { threads: 'two' }), /hardware\.threads.*"two"/],
    ['NaN', (config) => Object.assign(config.generation, { topP: Number.NaN }), /generation\.topP.*NaN/],
    ['a key that is gone', (config) => Reflect.deleteProperty(config.model, 'name'), /model\.name.*undefined/],
    ['a section that is gone', (config) => Object.assign(config, { paths: null }), /for paths but received null/],
    ['a misspelled key', (config) => Object.assign(config.generation, { maxToken: 1 }), /"maxToken".*mean maxTokens\?/],
    ['no GPU', (config) => Object.assign(config.hardware, { targetGpu: -1 }), /hardware\.targetGpu.*-1/],
  ];
  it.each(nonsense)('are refused by validate and saveToYaml: %s', (_, change, message) => {
    const config = new Config();
    change(config);
    expect(() => config.validate()).toThrow(InvalidArgumentError);
    expect(() => config.validate()).toThrow(message);
    expect(() => config.saveToYaml(file)).toThrow(message);
    expect(existsSync(file)).toBe(false);
  });

  it('are independent in a clone, which keeps what the file had besides', () => {
    const config = load('# mine\nserver: { port: 80 }\ngeneration: { top_k: 3 }\n');
    const copy = config.clone();
    copy.generation.topK = 4;
    expect(config.generation.topK).toBe(3);
    copy.saveToYaml(file);
    expect(readFileSync(file, 'utf8')).toMatch(/^# mine\nserver: \{ port: 80 \}\n/);
    expect(new Config(file).generation.topK).toBe(4);
  });

  it('are what JSON.stringify gives', () => {
    const { model, generation } = JSON.parse(JSON.stringify(new Config()));
    expect(model).toEqual(new Config().model);
    expect(generation).toEqual(new Config().generation);
  });
});

describe('reading', () => {
  it('takes snake_case, camelCase and the keys of the original', () => {
    const config = load(
      'model:\n  device_map: cpu\n  torchDtype: float16\nquantization:\n  load_in_4bit: true\n  bnb_4bit_quant_type: fp4\n' +
        'generation:\n  max_tokens: 10\n  temperature: 0\nhardware:\n  target_gpu: RTX 4060\n  gpu_layers: 12\n  threads: null\n',
    );
    expect(config.model).toMatchObject({ deviceMap: 'cpu', torchDtype: 'float16' });
    expect(config.quantization).toMatchObject({ type: 'Q4_K_M', loadIn4bit: true, bnb4bitQuantType: 'fp4' });
    expect(config.generation).toMatchObject({ maxTokens: 10, temperature: 0, topK: 50 });
    expect(config.hardware).toMatchObject({ targetGpu: 'RTX 4060', gpuLayers: 12, threads: null });
  });

  it('maps load_in_8bit to Q8_0 unless a type is given', () => {
    expect(load('quantization: { load_in_4bit: false, load_in_8bit: true }').quantization.type).toBe('Q8_0');
    expect(load('quantization: { load_in_8bit: true, type: BF16 }').quantization.type).toBe('BF16');
  });

  it.each(['', '# nothing\n', 'model:\n', '{}'])('takes an empty file or section: %j', (text) => {
    expect(load(text).generation.maxTokens).toBe(256);
  });

  it('creates no folder', () => {
    load(`paths:\n  cache_dir: ${join(folder, 'cache')}\n`);
    expect(existsSync(join(folder, 'cache'))).toBe(false);
  });

  const wrong: [string, string, RegExp][] = [
    [
      'out of range',
      'generation:\n  max_tokens: 8\n  temperature: 3\n',
      /from 0 to 2 for generation\.temperature but received 3 \(.*config\.yaml:3\)/,
    ],
    [
      'of a wrong type',
      'generation:\n  top_k: "many"\n',
      /an integer .* for generation\.topK but received "many" \(.*config\.yaml:2\)/,
    ],
    ['a float for an integer', 'generation: { max_tokens: 1.5 }', /generation\.maxTokens.*1\.5 \(.*:1\)/],
    ['not a number', 'generation: { temperature: .nan }', /generation\.temperature but received NaN/],
    ['not known', 'quantization:\n  type: Q3_K\n', /one of .*"Q4_K_M".* for quantization\.type but received "Q3_K"/],
    ['a list', 'model:\n  name: [a, b]\n', /a text that is not empty for model\.name/],
    ['given twice', 'generation:\n  maxTokens: 1\n  max_tokens: 2\n', /generation\.maxTokens is given twice \(.*:3\)/],
    ['a section that is no mapping', 'x: 1\nmodel: hello\n', /section model must be a mapping \(.*:2\)/],
    ['a file that is no mapping', '- 1\n- 2\n', /must be a mapping of sections/],
    ['not YAML', 'model:\n  name: "open\n', /config\.yaml:\d+ is not valid YAML/],
    ['a doubled key', 'model: {}\nmodel: {}\n', /config\.yaml:2 is not valid YAML/],
  ];
  it.each(wrong)('refuses a value that is %s, with file and line', (_, text, message) => {
    expect(() => load(text)).toThrow(InvalidArgumentError);
    expect(() => load(text)).toThrow(message);
  });

  it('changes nothing when a file is refused', () => {
    const config = new Config();
    writeFileSync(file, 'generation:\n  max_tokens: 5\n  top_p: 7\n');
    expect(() => config.loadFromYaml(file)).toThrow(InvalidArgumentError);
    expect(config.generation.maxTokens).toBe(256);
  });

  it.each([5, null, '', ' ', {}, true])('refuses %j in place of a file name', (file) => {
    expect(() => new Config(file as string)).toThrow(/for file but received/);
    expect(() => new Config().loadFromYaml(file as string)).toThrow(InvalidArgumentError);
    expect(() => new Config().saveToYaml(file as string)).toThrow(InvalidArgumentError);
  });

  it('refuses no file name at all', () => {
    expect(() => new Config().loadFromYaml(undefined as unknown as string)).toThrow(InvalidArgumentError);
  });

  it('says when a file is missing', () => {
    expect(() => new Config(join(folder, 'none.yaml'))).toThrow(IoError);
    expect(() => new Config(folder)).toThrow(IoError);
  });
});

describe('writing', () => {
  it('round-trips, in snake_case', () => {
    const config = new Config();
    config.generation.topP = 0.5;
    config.hardware.contextSize = 2048;
    config.saveToYaml(join(folder, 'deep', 'er', 'c.yaml'));
    const text = readFileSync(join(folder, 'deep', 'er', 'c.yaml'), 'utf8');
    expect(text).toContain('  top_p: 0.5\n');
    expect(text).toContain('  load_in_4bit: true\n');
    const again = new Config(join(folder, 'deep', 'er', 'c.yaml'));
    expect(again.generation).toEqual(config.generation);
    expect(again.hardware).toEqual(config.hardware);
  });

  it('keeps comments, foreign sections and keys, and the spelling of a key', () => {
    const config = load('# mine\nserver:\n  port: 80 # why\ngeneration:\n  maxTokens: 5 # few\n  own_key: [1, 2]\n');
    config.generation.maxTokens = 6;
    config.saveToYaml(file);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('# mine\nserver:\n  port: 80 # why\n');
    expect(text).toContain('  maxTokens: 6 # few\n');
    expect(text).toContain('own_key: [ 1, 2 ]');
    expect(text).not.toContain('max_tokens');
    expect(new Config(file).generation.maxTokens).toBe(6);
  });

  it('refuses to write a value that it would refuse to read', () => {
    const config = new Config();
    config.generation.temperature = 5;
    expect(() => config.saveToYaml(file)).toThrow(/generation\.temperature but received 5/);
    expect(existsSync(file)).toBe(false);
  });

  it('says when a file cannot be written', () => {
    writeFileSync(join(folder, 'plain'), '');
    expect(() => new Config().saveToYaml(join(folder, 'plain', 'c.yaml'))).toThrow(IoError);
  });

  it('prints all sections', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    new Config().printConfig();
    expect(log.mock.calls[0]?.[0]).toMatch(/generation:\n {2}maxTokens: 256/);
    log.mockRestore();
  });
});
