import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { TASK_PROMPTS } from '../../lib/vision-tasks.js';
import { bllossom, ENDLESS, GREEDY, interruptedOnce, PICTURE, workFolder } from '../support/cli.js';

let work: string;
beforeAll(() => {
  work = workFolder('cli-batch');
  copyFileSync(PICTURE, join(work, 'picture.png'));
  writeFileSync(join(work, 'damaged.png'), readFileSync(PICTURE).subarray(0, 400));
});

function file(name: string, content: unknown): string {
  const path = join(work, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

describe('bllossom batch', () => {
  it('answers the lines of a file as they would be answered alone', async () => {
    const prompts = file('prompts.txt', '\ufeff안녕\r\n\r\n# a remark\n  What?  \n안녕\n');
    const run = await bllossom(['batch', prompts, '--model', ENDLESS, '-v', ...GREEDY]);
    expect(run.code).toBe(0);
    expect(run.stderr).toMatch(/^3 of 3 answered in \d+\.\d s\n$/);
    const results = JSON.parse(run.stdout);
    expect(results.map(({ prompt }: { prompt: string }) => prompt)).toEqual(['안녕', 'What?', '안녕']);
    const alone = await bllossom(['text', '안녕', '--model', ENDLESS, ...GREEDY]);
    expect(results[0]).toMatchObject({ index: 0, success: true, finishReason: 'length' });
    expect(`${results[0].response}\n`).toBe(alone.stdout);
    expect(results[2].response).toBe(results[0].response);
  });

  it('answers texts and objects, with and without images, each with its own options', async () => {
    const tasks = file('tasks.json', [
      'hello',
      { prompt: '무엇?', image: 'picture.png', maxTokens: 3, temperature: 0 },
      { image: 'picture.png', task: 'ocr', language: 'en' },
      { prompt: '몇 개?', image: PICTURE, task: 'qa', maxTokens: 4 },
      { prompt: 'x', system: '짧게', seed: 7, topK: 3 },
    ]);
    const output = join(work, 'results.json');
    writeFileSync(output, 'old');
    const run = await bllossom(['batch', tasks, '--model', ENDLESS, '--output', output, '-n', '5']);
    expect(run).toEqual({ code: 0, stdout: '', stderr: '' });
    const results = read(output);
    expect(results).toMatchObject([
      { index: 0, success: true, prompt: 'hello', parameters: { maxTokens: 5 } },
      { index: 1, success: true, image: 'picture.png', imageSize: [640, 480], parameters: { maxTokens: 3 } },
      { index: 2, success: true, task: 'ocr', parameters: { maxTokens: 5, temperature: 0 } },
      { index: 3, success: true, task: 'qa', parameters: { maxTokens: 4 } },
      { index: 4, success: true, seed: 7, parameters: { topK: 3 } },
    ]);
    expect(results[2].fullResponse).toContain(TASK_PROMPTS.en.ocr);
    expect(results[4].fullResponse).toContain('짧게');
  });

  it('keeps the others where one fails', async () => {
    const tasks = file('failing.json', ['a', { prompt: 'b', image: 'damaged.png' }, { prompt: 'c', maxTokens: 3 }]);
    const output = join(work, 'failing-results.json');
    const run = await bllossom(['batch', tasks, '--model', ENDLESS, '--output', output, ...GREEDY]);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^bllossom: error: \S+failing\.json, item 2: [^\n]+\n$/);
    expect(read(output)).toMatchObject([
      { index: 0, success: true },
      { index: 1, success: false, prompt: 'b', image: 'damaged.png', error: { code: 'ERR_IMAGE_DECODE' } },
      { index: 2, success: true },
    ]);
  });

  it('writes what is finished when Ctrl-C stops it', async () => {
    const folder = workFolder('cli-batch-stopped');
    const quick = Array.from({ length: 4 }, () => ({ prompt: 'a', maxTokens: 1 }));
    const endless = Array.from({ length: 60 }, () => ({ prompt: 'b', maxTokens: 2000 }));
    const tasks = file('long.json', [...quick, ...endless]);
    const output = join(folder, 'results.json');
    const begun = () => existsSync(output) && read(output)[3].success;
    const args = ['batch', tasks, '--model', ENDLESS, '--output', output, '--context', '2200', '-t', '0'];
    const run = await interruptedOnce(begun, args);
    expect(run).toMatchObject({ code: 130, stdout: '', stderr: 'bllossom: interrupted\n' });
    const results = read(output);
    expect(results).toHaveLength(64);
    expect(results.slice(0, 4)).toMatchObject(quick.map((_, index) => ({ index, success: true })));
    expect(results[63]).toMatchObject({
      index: 63,
      success: false,
      error: { code: 'ERR_CANCELLED', message: 'Not computed: interrupted' },
    });
    expect(readdirSync(folder)).toEqual(['results.json']);
  });
});

describe('a file of tasks is refused before the model is loaded', () => {
  const refused: [string, string, unknown, RegExp][] = [
    ['no JSON', 'a.json', '[{', /a\.json is not valid JSON/],
    ['no array', 'b.json', { prompt: 'x' }, /b\.json must hold a JSON array/],
    ['an empty array', 'c.json', [], /c\.json holds no prompt/],
    ['only remarks', 'd.txt', '# one\n\n', /d\.txt holds no prompt/],
    ['a number', 'e.json', ['a', 5], /item 2: .*5/],
    ['null', 'e2.json', [null], /item 1: .*null/],
    ['an empty text', 'f.json', ['a', 'b', ' '], /item 3: .*prompt/],
    ['an unknown key', 'g.json', [{ prompt: 'x', temprature: 1 }], /item 1: unknown key "temprature"/],
    ['a value out of range', 'h.json', [{ prompt: 'x', temperature: 3 }], /item 1: .*from 0 to 2 for temperature.*3/],
    ['a value of a wrong type', 'i.json', [{ prompt: 'x', maxTokens: '5' }], /item 1: .*maxTokens.*"5"/],
    ['a seed that is none', 'j.json', [{ prompt: 'x', seed: -1 }], /item 1: .*seed.*-1/],
    ['an unknown task', 'k.json', [{ image: 'picture.png', task: 'sing' }], /item 1: .*task.*"sing"/],
    ['a task without an image', 'l.json', [{ prompt: 'x', task: 'qa' }], /item 1: a task needs an image/],
    ['a question without words', 'm.json', [{ image: 'picture.png', task: 'qa' }], /item 1: a prompt is missing/],
    ['nothing to do', 'n.json', [{ maxTokens: 5 }], /item 1: a prompt is missing/],
    ['two questions', 'o.json', [{ prompt: 'x', image: 'picture.png', task: 'ocr' }], /item 1: .*leave out one/],
    ['no such image', 'p.json', ['x', { prompt: 'x', image: 'none.png' }], /item 2: .*none\.png.*no such file/],
    ['an image that is none', 'q.json', [{ prompt: 'x', image: 'q.json' }], /item 1: .*not an image/],
    ['bytes that are no text', 'r.txt', Buffer.from([0x61, 0xff, 0x0a]).toString('latin1'), /r\.txt/],
  ];
  it.each(refused)('%s', async (_, name, content, pattern) => {
    const path = file(name, content);
    if (name === 'r.txt') writeFileSync(path, Buffer.from([0x61, 0xff, 0x0a]));
    const output = join(work, `${basename(name)}.out`);
    const run = await bllossom(['batch', path, '--model', 'none.gguf', '--output', output]);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^bllossom: error: [^\n]+\n$/);
    expect(run.stderr).toMatch(pattern);
    expect(existsSync(output)).toBe(false);
  });
});
