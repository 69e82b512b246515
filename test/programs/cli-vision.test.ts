import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TASK_DEFAULTS, TASK_PROMPTS, type VisionTask } from '../../lib/vision-tasks.js';
import { bllossom, CLI, ENDLESS, GREEDY, interruptedOnce, PICTURE, workFolder } from '../support/cli.js';
import { tinyImages, tinyModel } from '../support/model.js';
import { reply, startServer } from '../support/small-internet.js';

let model: string;
let image: string;
let work: string;
beforeAll(async () => {
  model = await tinyModel();
  image = tinyImages()[0] as string;
  work = workFolder('cli-vision');
});

const lines = (text: string) => text.trimEnd().split('\n');
const jsonLines = (text: string) => lines(text).map((line) => JSON.parse(line));

describe('bllossom vision', () => {
  it('answers a prompt, after the image or as an option', async () => {
    const run = await bllossom(['vision', image, '무엇이 있나요?', '--model', model, ...GREEDY]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout.length).toBeGreaterThan(1);
    const option = await bllossom(['vision', image, '--prompt', '무엇이 있나요?', '--model', model, ...GREEDY]);
    expect(option).toEqual(run);
  });

  it('prints one JSON object with the size of the image', async () => {
    const run = await bllossom(['vision', PICTURE, 'What?', '--model', ENDLESS, '--json', ...GREEDY]);
    expect(JSON.parse(run.stdout)).toMatchObject({ success: true, image: PICTURE, imageSize: [640, 480] });
  });

  const tasks: VisionTask[] = ['describe', 'ocr', 'chart', 'table', 'markdown'];
  it.each(tasks)('asks the question of the task %s, with its limits', async (task) => {
    const run = await bllossom(['vision', image, '--task', task, '--language', 'en', '--model', model, '--json']);
    const { fullResponse, parameters } = JSON.parse(run.stdout);
    expect(fullResponse).toContain(TASK_PROMPTS.en[task]);
    expect(parameters).toMatchObject(TASK_DEFAULTS[task]);
  });

  it('describes in Korean where nothing is asked, and lets options go before the limits of a task', async () => {
    const run = await bllossom(['vision', image, '--model', model, '--json', '-n', '3', '-t', '0']);
    const { fullResponse, parameters } = JSON.parse(run.stdout);
    expect(fullResponse).toContain(TASK_PROMPTS.ko.describe);
    expect(parameters).toMatchObject({ maxTokens: 3, temperature: 0 });
  });

  it('takes the prompt as the question of the task qa', async () => {
    const run = await bllossom(['vision', image, '몇 개인가요?', '--task', 'qa', '--model', model, '--json']);
    const { fullResponse, parameters } = JSON.parse(run.stdout);
    expect(fullResponse).toContain('몇 개인가요?');
    expect(parameters).toMatchObject(TASK_DEFAULTS.question);
  });

  it('answers about an image URL as the configuration allows', async () => {
    const server = await startServer((socket, path) =>
      reply(socket, path === '/a' ? 200 : 404, {}, readFileSync(image)),
    );
    afterAll(() => server.close());
    const config = join(work, 'network.yaml');
    writeFileSync(config, 'network:\n  allow_private_addresses: true\n');
    const ask = (source: string) =>
      bllossom(['vision', source, '--prompt', 'What?', '--model', model, '--config', config, ...GREEDY]);
    const fetched = await ask(`http://127.0.0.1:${server.port}/a`);
    expect(fetched).toMatchObject({ code: 0, stdout: (await ask(image)).stdout });
    const missing = await ask(`http://127.0.0.1:${server.port}/b`);
    expect(missing.stderr).toMatch(/^bllossom: error: .*answered 404 instead of an image/);
  });
});

describe('several images', () => {
  it('are answered one after another, each under its name', async () => {
    const [a, b] = [join(work, 'a.png'), join(work, '사진 둘.png')];
    for (const copy of [a, b]) copyFileSync(PICTURE, copy);
    const one = await bllossom(['vision', a, 'What?', '--model', ENDLESS, ...GREEDY]);
    const both = await bllossom(['vision', a, b, 'What?', '--model', ENDLESS, ...GREEDY]);
    expect(both).toEqual({ code: 0, stderr: '', stdout: `==> ${a} <==\n${one.stdout}\n==> ${b} <==\n${one.stdout}` });
    const json = await bllossom(['vision', a, b, 'What?', '--model', ENDLESS, '--json', ...GREEDY]);
    expect(jsonLines(json.stdout)).toMatchObject([
      { success: true, image: a },
      { success: true, image: b },
    ]);
  });

  it('are answered but for the one that is damaged', async () => {
    const damaged = join(work, 'damaged.png');
    writeFileSync(damaged, readFileSync(PICTURE).subarray(0, 400));
    const args = ['vision', PICTURE, damaged, PICTURE, '--prompt', 'What?', '--model', ENDLESS, ...GREEDY];
    const run = await bllossom(args);
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/^bllossom: error: [^\n]+\n$/);
    const [, first, middle, last] = run.stdout.split(/==> .* <==\n/);
    expect(middle).toBe('\n');
    expect(last).toBe(first?.replace(/\n\n$/, '\n'));
    const json = await bllossom([...args, '--json']);
    expect(json).toMatchObject({ code: 1, stderr: '' });
    expect(jsonLines(json.stdout).map(({ success }) => success)).toEqual([true, false, true]);
    expect(jsonLines(json.stdout)[1]).toMatchObject({ image: damaged, error: { code: 'ERR_IMAGE_DECODE' } });
  });

  it('are kept in the file up to where Ctrl-C came', async () => {
    const output = join(work, 'answers.jsonl');
    const images = Array.from({ length: 200 }, () => PICTURE);
    const args = ['--task', 'ocr', '--model', ENDLESS, '--json', '-o', output, '-n', '500'];
    const run = await interruptedOnce(() => existsSync(output), ['vision', ...images, ...args]);
    expect(run).toMatchObject({ code: 130, stdout: '', stderr: 'bllossom: interrupted\n' });
    const results = jsonLines(readFileSync(output, 'utf8'));
    expect(results.length).toBeGreaterThan(0);
    expect(results.length).toBeLessThan(200);
    for (const result of results) expect(result).toMatchObject({ success: true, outputTokens: 500 });
  });

  it('are not begun when one cannot be read', async () => {
    const run = await bllossom(['vision', PICTURE, CLI, '--task', 'ocr', '--model', 'none.gguf']);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/not an image/);
  });
});
