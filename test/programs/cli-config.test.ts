import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import { fieldsOf, SECTION_NAMES } from '../../lib/config-schema.js';
import { bllossom, ENDLESS, KOREAN, workFolder } from '../support/cli.js';
import { ROOT } from '../support/model.js';

let work: string;
beforeAll(() => {
  work = workFolder('cli-config');
});

describe('bllossom config', () => {
  it('shows what is in effect', async () => {
    const file = join(work, 'mine.yaml');
    writeFileSync(file, 'generation:\n  top_k: 7\n');
    const args = ['--config', file, '--threads', '3', '--model', 'some.gguf'];
    const run = await bllossom(['config', 'show', '--json', ...args]);
    expect(JSON.parse(run.stdout)).toMatchObject({
      model: { path: 'some.gguf' },
      generation: { topK: 7, maxTokens: 256 },
      hardware: { threads: 3 },
    });
    const yaml = await bllossom(['config', ...args]);
    expect(yaml).toMatchObject({ code: 0, stderr: '' });
    expect(yaml.stdout).toMatch(/^model:\n(.*\n)* {2}path: some\.gguf$/m);
  });

  it.each([
    ['English', {}, '# tokens at most'],
    ['Korean', KOREAN, '# 최대 토큰 수'],
  ])('writes the defaults with a comment above every key, in %s', async (name, env, comment) => {
    const file = join(work, `${name}.yaml`);
    const run = await bllossom(['config', 'init', file], { env });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain(file);
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines[lines.indexOf('  max_tokens: 256') - 1]?.trim()).toBe(comment);
    for (const [i, line] of lines.entries()) if (/^ {2}\w/.test(line)) expect(lines[i - 1]).toMatch(/^ {2}# \S/);
    expect(lines.filter((line) => /^ {2}\w/.test(line))).toHaveLength(SECTION_NAMES.flatMap(fieldsOf).length);
    const [read, defaults] = [new Config(file), new Config()];
    for (const section of SECTION_NAMES) expect(read[section]).toEqual(defaults[section]);
    expect(await bllossom(['config', 'check', file], { env })).toMatchObject({ code: 0, stderr: '' });
  });

  it('init replaces a file only with --force', async () => {
    const cwd = workFolder('cli-config-init');
    expect((await bllossom(['config', 'init'], { cwd })).code).toBe(0);
    writeFileSync(join(cwd, 'config.yaml'), 'model: {}\n');
    expect((await bllossom(['config', 'init'], { cwd })).code).toBe(1);
    expect(readFileSync(join(cwd, 'config.yaml'), 'utf8')).toBe('model: {}\n');
    expect((await bllossom(['config', 'init', '--force'], { cwd })).code).toBe(0);
    expect(readFileSync(join(cwd, 'config.yaml'), 'utf8')).toContain('max_tokens: 256');
  });
});

describe('bllossom info', () => {
  it('tells versions, devices and memory', async () => {
    const run = await bllossom(['info']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    for (const title of [
      'bllossom',
      'llama.cpp',
      'Node.js',
      'processor',
      'CPU features',
      'memory',
      'devices',
      'model',
    ]) {
      expect(run.stdout).toMatch(new RegExp(`^${title} +\\S`, 'm'));
    }
    const { version, native, memory, file } = JSON.parse((await bllossom(['info', '--json'])).stdout);
    expect(version).toBe(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version);
    expect(native.devices.length).toBeGreaterThan(0);
    expect(memory.total).toBeGreaterThan(memory.free);
    expect(file).toBeNull();
  });

  it('tells about a model, and with --load what it takes', async () => {
    const run = await bllossom(['info', '--model', ENDLESS, '--json']);
    const { file, model } = JSON.parse(run.stdout);
    expect(file).toMatchObject({ path: ENDLESS, architecture: 'mllama', fileBytes: statSync(ENDLESS).size });
    expect(model).toBeUndefined();
    const loaded = JSON.parse((await bllossom(['info', '--model', ENDLESS, '--json', '--load'])).stdout);
    expect(loaded.model).toMatchObject({ status: 'loaded', device: 'cpu', architecture: { maxTiles: 4 } });
    const korean = await bllossom(['info', '--model', ENDLESS, '--load'], { env: KOREAN });
    expect(korean.stdout).toMatch(/^사용량 +cpu, .*: 메모리 \d+\.\d+ GB/m);
  });

  it('tells with --plan where a model would lie, or what would fit', async () => {
    const here = ['info', '--plan', '--model', ENDLESS, '--device', 'cpu'];
    const { plan } = JSON.parse((await bllossom([...here, '--context', '512', '--json'])).stdout);
    expect(plan).toMatchObject({ gpuLayers: 0, contextSize: 512, concessions: [], devices: [{ name: 'CPU' }] });
    const told = (await bllossom([...here, '--context', '512'])).stdout;
    expect(told).toMatch(/^memory plan: 0 of \d+ layers on GPUs, context 512, .*\n {2}device .*\n {2}CPU /m);
    expect(told).toMatch(/nothing had to be given up/);

    const file = join(work, 'tight.yaml');
    writeFileSync(file, 'hardware:\n  max_memory_usage: 0.005\n');
    const tight = [...here, '--config', file, '--context', '1048576'];
    const refused = await bllossom(tight);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/needs \d+ MiB on CPU .*, \d+ MiB may be used.*\(here: --context \d+\)/);
    expect((await bllossom(tight, { env: KOREAN })).stderr).toMatch(
      /메모리가 부족합니다.*이렇게 하면 들어갑니다: --context/,
    );
  });
});

describe('bllossom convert', () => {
  it('replaces a file only with --force', async () => {
    const checkpoint = join(ROOT, 'test', 'fixtures', 'goldens', 'a', 'checkpoint');
    const output = join(work, 'model.gguf');
    writeFileSync(output, 'something dear');
    const refused = await bllossom(['convert', checkpoint, output, '--type', 'F32']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(readFileSync(output, 'utf8')).toBe('something dear');
    const forced = await bllossom(['convert', checkpoint, output, '--type', 'F32', '--force']);
    expect(forced).toMatchObject({ code: 0, stderr: '' });
    expect(forced.stdout).toMatch(/model\.gguf: [\d,]+ parameters, .*F32.*, \d+\.\d s\n$/);
    expect(existsSync(output) && statSync(output).size).toBeGreaterThan(1000);
    const korean = await bllossom(['convert', checkpoint, output, '--type', 'F32', '--force'], { env: KOREAN });
    expect(korean.stdout).toMatch(/파라미터 [\d,]+개/);
  });
});
