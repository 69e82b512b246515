import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT, temporaryFolder, tinyImages, tinyModel } from '../support/model.js';
import { reply, startServer } from '../support/small-internet.js';

const CLI = join(ROOT, 'dist', 'cli', 'main.js');
const DEMO = join(ROOT, 'models', 'demo.gguf');
const VOCABULARY = join(ROOT, 'vendor', 'llama.cpp', 'models', 'ggml-vocab-llama-bpe.gguf');

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Called with the child as soon as it has written to stdout. */
  onOutput?: (child: ReturnType<typeof spawn>) => void;
}

let model: string;
let work: string;
beforeAll(async () => {
  model = await tinyModel();
  work = join(temporaryFolder(), 'cli');
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'text.png'), 'this is no picture');
});

function bllossom(args: string[], { env = {}, cwd = work, onOutput }: RunOptions = {}): Promise<Run> {
  return new Promise((resolve, reject) => {
    const clean = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', LANG: 'C.UTF-8', ...env };
    const child = spawn(process.execPath, [CLI, ...args], { cwd, env: clean, timeout: 60_000 });
    const run: Run = { code: null, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (run.stdout === '') onOutput?.(child);
      run.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      run.stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...run, code }));
  });
}

const GREEDY = ['--temperature', '0', '--max-tokens', '12'];

describe('bllossom', () => {
  it('answers a prompt on stdout alone', async () => {
    const run = await bllossom(['text', '안녕', '--model', model, ...GREEDY]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout.endsWith('\n')).toBe(true);
    expect(run.stdout.length).toBeGreaterThan(1);
    const again = await bllossom(['text', '안녕', ...GREEDY], { env: { BLLOSSOM_MODEL: model } });
    expect(again.stdout).toBe(run.stdout);
  });

  it('answers about an image, with timings on stderr', async () => {
    const image = tinyImages()[0] as string;
    const run = await bllossom(['vision', image, '--prompt', 'What?', '--model', model, '--verbose', ...GREEDY]);
    expect(run.code).toBe(0);
    for (const title of ['load', 'image encode', 'first token', 'prompt', 'decode']) {
      expect(run.stderr).toMatch(new RegExp(`^${title} +\\d+\\.\\d+ (s|tokens/s \\(\\d+ tokens\\))$`, 'm'));
    }
  });

  it('answers about an image URL as the configuration allows', async () => {
    const image = tinyImages()[0] as string;
    const server = await startServer((socket, path) =>
      reply(socket, path === '/a' ? 200 : 404, {}, readFileSync(image)),
    );
    const config = join(work, 'network.yaml');
    writeFileSync(config, 'network:\n  allow_private_addresses: true\n');
    const ask = (source: string) =>
      bllossom(['vision', source, '--prompt', 'What?', '--model', model, '--config', config, ...GREEDY]);
    const fetched = await ask(`http://127.0.0.1:${server.port}/a`);
    expect(fetched).toMatchObject({ code: 0, stdout: (await ask(image)).stdout });
    const missing = await ask(`http://127.0.0.1:${server.port}/b`);
    expect(missing.stderr).toMatch(/^bllossom: error: .*answered 404 instead of an image/);
    await server.close();
  });

  it('speaks Korean where the locale does', async () => {
    const run = await bllossom(['text', 'x', '--model', model, '-v', ...GREEDY], { env: { LANG: 'ko_KR.UTF-8' } });
    expect(run.stderr).toMatch(/^첫 토큰 +\d+\.\d+ 초$/m);
    const failed = await bllossom(['text', 'x', '--model', 'none.gguf'], { env: { LC_ALL: 'ko_KR.UTF-8' } });
    expect(failed.stderr).toMatch(/^bllossom: 오류: 모델 파일을 찾을 수 없습니다: /);
  });

  it('prints one JSON object on request', async () => {
    const run = await bllossom(['text', 'x', '--model', model, '--json', '--seed', '5', ...GREEDY]);
    expect(JSON.parse(run.stdout)).toMatchObject({ success: true, seed: 5, parameters: { temperature: 0 } });
  });

  it('reads config.yaml of the folder, or the one it is given', async () => {
    const folder = join(work, 'configured');
    mkdirSync(folder, { recursive: true });
    const yaml = `model:\n  path: ${model}\ngeneration:\n  max_tokens: 3\n  temperature: 0\n`;
    writeFileSync(join(folder, 'config.yaml'), yaml);
    const run = await bllossom(['text', 'x', '--json'], { cwd: folder });
    expect(JSON.parse(run.stdout).parameters.maxTokens).toBe(3);
    const given = await bllossom(['text', 'x', '--json', '--config', join(folder, 'config.yaml'), '-n', '2']);
    expect(JSON.parse(given.stdout).parameters.maxTokens).toBe(2);
  });

  it('helps', async () => {
    const run = await bllossom(['--help']);
    expect(run.code).toBe(0);
    for (const command of ['text', 'vision', 'convert', 'inspect']) expect(run.stdout).toContain(command);
    expect((await bllossom(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('stops at Ctrl-C', async () => {
    // The demo model never stops by itself; 4,000 tokens leave time enough.
    const args = ['text', 'x', '--model', DEMO, '--temperature', '0', '--max-tokens', '4000'];
    const run = await bllossom(args, { onOutput: (child) => child.kill('SIGINT') });
    expect(run).toMatchObject({ code: 130, stderr: 'bllossom: error: interrupted\n' });
  });

  it('says nothing when its reader leaves', async () => {
    const run = await bllossom(['text', 'x', '--model', model, '--temperature', '2', '--max-tokens', '500'], {
      onOutput: (child) => child.stdout?.destroy(),
    });
    expect(run).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('bad input gives one clear line, a failing exit code and no stack trace', () => {
  const image = () => tinyImages()[0] as string;
  const cases: [string, () => string[], RegExp][] = [
    ['no such model', () => ['text', 'x', '--model', 'none.gguf'], /none\.gguf/],
    ['no model at all', () => ['text', 'x'], /not in the cache.*bllossom convert/],
    ['a model that is not GGUF', () => ['text', 'x', '--model', CLI], /GGUF/i],
    ['a model of another architecture', () => ['text', 'x', '--model', VOCABULARY], /llama/],
    ['an empty prompt', () => ['text', '', '--model', model], /prompt/],
    ['a blank prompt', () => ['text', '  ', '--model', model], /prompt/],
    ['no prompt', () => ['text', '--model', model], /prompt/],
    ['no such image', () => ['vision', 'none.png', '--prompt', 'x', '--model', model], /none\.png.*no such file/],
    ['an image that is none', () => ['vision', 'text.png', '--prompt', 'x', '--model', model], /image/i],
    ['an image URL to this machine', () => ['vision', 'http://127.1/a.png', '--prompt', 'x'], /allowPrivateAddresses/],
    ['a folder for an image', () => ['vision', work, '--prompt', 'x', '--model', model], /cannot be read/],
    ['an image without a prompt', () => ['vision', image(), '--model', model], /--prompt/],
    ['an image with an empty prompt', () => ['vision', image(), '--prompt', '', '--model', model], /prompt/],
    ['an unknown option', () => ['text', 'x', '--modle', model], /unknown option '--modle'.*--model/],
    ['an unknown command', () => ['txt', 'x'], /unknown command 'txt'/],
    ['too many arguments', () => ['text', 'x', 'y', '--model', model], /too many arguments/],
    ['a number that is none', () => ['text', 'x', '--model', model, '--seed', 'abc'], /--seed.*abc/],
    ['a seed out of range, before it loads', () => ['text', 'x', '--model', 'none.gguf', '--seed', '-1'], /seed.*-1/],
    ['an empty stop text, before it loads', () => ['text', 'x', '--model', 'none.gguf', '--stop', ''], /stop.*""/],
    ['threads that are no number', () => ['convert', work, 'out.gguf', '--threads', 'abc'], /--threads.*abc/],
    ['a value out of range', () => ['text', 'x', '--model', model, '--temperature', '3'], /from 0 to 2.*3/],
    ['an unknown device', () => ['text', 'x', '--model', model, '--device', 'abacus'], /abacus/],
    ['a configuration that is not there', () => ['text', 'x', '--config', 'none.yaml'], /none\.yaml/],
    ['a checkpoint that is not there', () => ['convert', 'none', join(work, 'out.gguf')], /none/],
    ['an inspection of no GGUF', () => ['inspect', CLI], /GGUF/i],
  ];
  it.each(cases)('%s', async (_, args, message) => {
    const run = await bllossom(args());
    expect(run.code).toBeGreaterThan(0);
    expect(run.stdout).toBe('');
    expect(run.stderr).toMatch(/^bllossom: error: [^\n]+\n$/);
    expect(run.stderr).toMatch(message);
    expect(run.stderr).not.toMatch(/^\s+at /m);
  });

  it('shows the stack with BLLOSSOM_DEBUG=1', async () => {
    const run = await bllossom(['text', 'x', '--model', 'none.gguf'], { env: { BLLOSSOM_DEBUG: '1' } });
    expect(run.stderr).toMatch(/^\s+at /m);
  });
});
