import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile as readFileAsync } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bllossom, CLI, ENDLESS, GREEDY, interruptedOnce, KOREAN, type Run, workFolder } from '../support/cli.js';
import { tinyModel } from '../support/model.js';

let model: string;
let work: string;
beforeAll(async () => {
  model = await tinyModel();
  work = workFolder('cli');
});

describe('bllossom', () => {
  it('helps, also without a command', async () => {
    const run = await bllossom(['--help']);
    expect(run.code).toBe(0);
    for (const command of ['text', 'vision', 'batch', 'convert', 'inspect', 'config', 'info']) {
      expect(run.stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    }
    expect(await bllossom(['help', 'text'])).toMatchObject({ code: 0, stderr: '' });
    expect(await bllossom([])).toMatchObject({ code: 1, stdout: '', stderr: run.stdout });
    expect((await bllossom(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('says nothing when the reader of its help leaves', async () => {
    const run = await bllossom(['--help'], { onOutput: (child) => child.stdout.destroy() });
    expect(run).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('bllossom text', () => {
  it('answers a prompt on stdout alone', async () => {
    const run = await bllossom(['text', '안녕', '--model', model, ...GREEDY]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout.endsWith('\n')).toBe(true);
    expect(run.stdout.length).toBeGreaterThan(1);
    const again = await bllossom(['text', '안녕', ...GREEDY], { env: { BLLOSSOM_MODEL: model } });
    expect(again.stdout).toBe(run.stdout);
  });

  it('takes the prompt from a pipe, with and without "-"', async () => {
    const given = await bllossom(['text', '한국의\n수도는?', '--model', model, ...GREEDY]);
    for (const argument of [[], ['-']]) {
      const piped = await bllossom(['text', ...argument, '-m', model, ...GREEDY], { input: '\ufeff한국의\n수도는?\n' });
      expect(piped).toEqual(given);
    }
  });

  it('prints one JSON object on request', async () => {
    const run = await bllossom(['text', 'x', '--model', model, '--json', '--seed', '5', ...GREEDY]);
    const result = JSON.parse(run.stdout);
    expect(result).toMatchObject({ success: true, seed: 5, parameters: { temperature: 0 } });
    expect(result.loadTime).toBeGreaterThan(0);
  });

  it('hands every option of generation on', async () => {
    const options = ['-n', '3', '-t', '0.5', '--top-p', '0.8', '--top-k', '7', '--repetition-penalty', '1.2'];
    const stop = ['--stop', '하나', '--stop', '둘', '--system', '짧게'];
    const run = await bllossom(['text', 'x', '--model', model, '--json', ...options, ...stop]);
    const { parameters, fullResponse } = JSON.parse(run.stdout);
    const sampling = { maxTokens: 3, temperature: 0.5, topP: 0.8, topK: 7, repetitionPenalty: 1.2 };
    expect(parameters).toMatchObject({ ...sampling, stop: ['하나', '둘'] });
    expect(fullResponse).toContain('짧게');
  });

  it('prints timings to stderr', async () => {
    const run = await bllossom(['text', 'x', '--model', model, '--verbose', ...GREEDY]);
    for (const title of ['load', 'image encode', 'first token', 'prompt', 'decode']) {
      expect(run.stderr).toMatch(new RegExp(`^${title} +\\d+\\.\\d+ (s|tokens/s \\(\\d+ tokens\\))$`, 'm'));
    }
    const korean = await bllossom(['text', 'x', '--model', model, '-v', ...GREEDY], { env: KOREAN });
    expect(korean.stderr).toMatch(/^첫 토큰 +\d+\.\d+ 초$/m);
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

  it('says nothing when its reader leaves', async () => {
    const run = await bllossom(['text', 'x', '--model', model, '--temperature', '2', '--max-tokens', '500'], {
      onOutput: (child) => child.stdout.destroy(),
    });
    expect(run).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('stdout that is full', () => {
  const full = (args: string[]) => {
    const stdout = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], {
      stdio: ['ignore', stdout, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(stdout);
    return { code: status, stderr };
  };

  it.runIf(existsSync('/dev/full'))('is an error, told once', () => {
    for (const args of [['text', 'x', '--model', model, ...GREEDY], ['info']]) {
      expect(full(args)).toEqual({ code: 1, stderr: expect.stringMatching(/^bllossom: error: ENOSPC[^\n]+\n$/) });
    }
  });
});

describe('--output', () => {
  const ask = (output: string) => bllossom(['text', 'x', '--model', model, '--output', output, ...GREEDY]);

  it('writes the answer to a file, and nothing to stdout', async () => {
    const file = join(work, '답.txt');
    const printed = await bllossom(['text', 'x', '--model', model, ...GREEDY]);
    writeFileSync(file, 'old and longer than what comes now'.repeat(20));
    expect(await ask(file)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(file, 'utf8')).toBe(printed.stdout);
    const json = await bllossom(['text', 'x', '--model', model, '--json', '-o', file, ...GREEDY]);
    expect(json.stdout).toBe('');
    expect(JSON.parse(readFileSync(file, 'utf8')).response).toBe(printed.stdout.slice(0, -1));
  });

  it('keeps a link and a pipe what they are', async () => {
    const file = join(work, 'linked.txt');
    const link = join(work, 'link.txt');
    writeFileSync(file, '');
    symlinkSync(file, link);
    expect((await ask(link)).code).toBe(0);
    expect(readFileSync(file, 'utf8').length).toBeGreaterThan(1);
    const pipe = join(work, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const [read] = await Promise.all([readFileAsync(pipe, 'utf8'), ask(pipe)]);
    expect(read).toBe(readFileSync(file, 'utf8'));
  });
});

describe('Ctrl-C', () => {
  // The model never stops by itself; 4,000 tokens leave time enough.
  const endless = ['text', 'x', '--model', ENDLESS, '--temperature', '0', '--max-tokens', '4000'];

  it('stops the answer', async () => {
    const run = await bllossom(endless, { onOutput: (child) => child.kill('SIGINT') });
    expect(run).toMatchObject({ code: 130, stderr: 'bllossom: interrupted\n' });
  });

  it('ends the process the second time', async () => {
    const run = await bllossom(endless, {
      onOutput: (child) => {
        child.kill('SIGINT');
        child.kill('SIGINT');
      },
    });
    expect(run.code).toBe(130);
    expect(run.stderr).toMatch(/^(bllossom: interrupted\n)?$/);
  });

  it('is said once in Korean', async () => {
    const run = await bllossom(endless, { env: KOREAN, onOutput: (child) => child.kill('SIGINT') });
    expect(run).toMatchObject({ code: 130, stderr: 'bllossom: 중단되었습니다\n' });
  });

  it('stops the wait for a prompt', async () => {
    const waiting = (run: Run) => run.code === 130;
    expect(await interruptedOnce(waiting, ['text', '-', '--model', model])).toMatchObject({
      code: 130,
      stdout: '',
      stderr: 'bllossom: interrupted\n',
    });
  });
});
