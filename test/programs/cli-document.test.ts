import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { TASK_PROMPTS } from '../../lib/vision-tasks.js';
import { bllossom, ENDLESS, interruptedOnce, KOREAN, PICTURE, workFolder } from '../support/cli.js';
import { koreanFont, type PdfFont, textPdf, writePdf } from '../support/pdf-writer.js';

const FAST = ['--model', ENDLESS, '-t', '0', '-n', '6'];

let work: string;
let pdf: string;
/** Four images and a text; the third image is damaged. */
let folder: string;
beforeAll(() => {
  work = workFolder('cli-document');
  folder = workFolder('cli-document/스캔');
  for (const name of ['쪽 1.png', '쪽 2.png', '쪽 10.png']) copyFileSync(PICTURE, join(folder, name));
  writeFileSync(join(folder, '쪽 3.png'), readFileSync(PICTURE).subarray(0, 400));
  writeFileSync(join(folder, 'notes.txt'), 'no image');
  writeFileSync(join(folder, '.hidden.png'), 'hidden');
  pdf = join(work, 'report'); // told by its content, not by its name
  writeFileSync(pdf, textPdf({ embedded: koreanFont() }, '첫 쪽', '둘째 쪽', '셋째 쪽'));
});

const document = (...args: string[]) => bllossom(['document', ...args, ...FAST]);
const jsonLines = (text: string) => text.trimEnd().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: short
const numbers = (result: { pageResults: { pageNumber: number }[] }) =>
  result.pageResults.map((page) => page.pageNumber);

describe('bllossom document', () => {
  it('reads an image', async () => {
    const run = await document(PICTURE);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout.trim()).not.toBe('');
    const [json] = jsonLines((await document(PICTURE, '--json')).stdout);
    expect(json).toMatchObject({ input: PICTURE, task: 'extract', success: true, totalPages: 1 });
    expect(`${json.combinedContent}\n`).toBe(run.stdout);
    expect(json.pageResults[0].fullResponse).toContain(TASK_PROMPTS.ko.ocr);
  });

  it('reads the images of a folder in natural order; a bad page is told, the others are kept', async () => {
    const run = await document(folder, '--json');
    expect(run).toMatchObject({ code: 1, stderr: '' });
    const [result] = jsonLines(run.stdout);
    expect(result.images).toEqual(['쪽 1.png', '쪽 2.png', '쪽 3.png', '쪽 10.png'].map((name) => join(folder, name)));
    expect(result).toMatchObject({ success: false, totalPages: 4, successfulPages: 3 });
    expect(result.pageResults[2]).toMatchObject({ success: false, pageNumber: 3, error: { code: 'ERR_IMAGE_DECODE' } });
    const text = await document(folder);
    expect(text).toMatchObject({ code: 1, stdout: `${result.combinedContent}\n` });
    expect(text.stderr).toMatch(/^bllossom: error: \S+\/쪽 3\.png, page 3: [^\n]+\n$/);
    const korean = await bllossom(['document', folder, ...FAST], { env: KOREAN });
    expect(korean.stderr).toMatch(/쪽 3\.png, 3쪽: /);
  });

  it('reads the pages of a PDF that are asked for', async () => {
    const run = await document(pdf, '--pages', '3,1', '--task', 'summarize', '--language', 'en', '--json', '-v');
    expect(run.code).toBe(0);
    expect(run.stderr).toMatch(/^2 pages in \d+\.\d s\n$/);
    const [result] = jsonLines(run.stdout);
    expect(result).toMatchObject({ input: pdf, success: true, totalPages: 2, successfulPages: 2 });
    expect(numbers(result)).toEqual([1, 3]);
    expect(result.combinedContent).toMatch(/^\[Page 1\]\n[\s\S]*\[Page 3\]\n/);
    expect(result.pageResults[0].fullResponse).toContain(TASK_PROMPTS.en.summarize);
  });

  it.each([
    ['holds its font', { embedded: koreanFont() }],
    ['only names its font', { name: 'HYSMyeongJo-Medium', encoding: 'KSCms-UHC-H' }],
  ] as [string, PdfFont][])('converts a Korean PDF that %s to Markdown', async (_kind, font) => {
    const file = join(work, 'korean.pdf');
    const output = join(work, 'korean.md');
    writeFileSync(file, textPdf(font, '안녕하세요 대한민국', '둘째 쪽'));
    const run = await document(file, '--task', 'markdown', '--multi-page', '--output', output);
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(output, 'utf8').split('\n---\n')).toHaveLength(2);
    const [json] = jsonLines((await document(file, '--task', 'markdown', '--json')).stdout);
    expect(json).toMatchObject({ task: 'markdown', success: true, successfulPages: 2 });
    expect(json.pageResults.map((page: { missingCharacters: string }) => page.missingCharacters)).toEqual(['', '']);
  });

  it('opens an encrypted PDF with its password', async () => {
    const secret = join(work, 'secret.pdf');
    writeFileSync(
      secret,
      writePdf([{ texts: [{ text: 'x', font: { standard: 'Helvetica' } }] }], { password: 'sesame' }),
    );
    expect(await document(secret, '--password', 'sesame')).toMatchObject({ code: 0, stderr: '' });
    for (const password of [[], ['--password', 'wrong']]) {
      const refused = await document(secret, ...password);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(/^bllossom: error: [^\n]*password[^\n]*\n$/);
    }
  });

  it('reads several documents under their names, or joins images to one', async () => {
    const apart = await document(PICTURE, pdf, '--pages', '1');
    const [, first, second] = apart.stdout.split(/^==> .* <==\n/m);
    expect(apart).toMatchObject({ code: 0, stderr: '' });
    expect(`${first}`.trimEnd()).toBe((await document(PICTURE)).stdout.trimEnd());
    expect(`${second}`.trim()).not.toBe('');
    const [joined] = jsonLines((await document(PICTURE, folder, '--multi-page', '--pages', '1-3', '--json')).stdout);
    expect(joined).toMatchObject({ input: PICTURE, success: true, totalPages: 3 });
    expect(joined.images).toHaveLength(5);
  });

  it('goes on with the next document where one cannot be opened', async () => {
    const broken = join(work, 'broken.pdf');
    writeFileSync(broken, '%PDF-1.7\nthis is no document');
    const run = await document(broken, PICTURE, '--json');
    expect(run).toMatchObject({ code: 1, stderr: '' });
    expect(jsonLines(run.stdout)).toMatchObject([
      { input: broken, success: false, error: { code: 'ERR_IMAGE_DECODE' } },
      { input: PICTURE, success: true },
    ]);
    const text = await document(broken, PICTURE);
    expect(text.code).toBe(1);
    expect(text.stderr).toMatch(/^bllossom: error: [^\n]+\n$/);
    expect(text.stdout).toContain(`==> ${PICTURE} <==\n`);
  });

  it('writes a file, and takes from it what is done', async () => {
    const output = join(work, 'pages.jsonl');
    const first = await document(folder, '--json', '--output', output);
    expect(first).toMatchObject({ code: 1, stdout: '' });
    const [before] = jsonLines(readFileSync(output, 'utf8'));
    before.pageResults[0].response = '앞서 읽은 쪽';
    writeFileSync(output, `${JSON.stringify(before)}\n`);
    copyFileSync(PICTURE, join(folder, '쪽 3.png'));
    const again = await document(folder, '--json', '--output', output, '--resume', output);
    expect(again).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const [after] = jsonLines(readFileSync(output, 'utf8'));
    expect(after).toMatchObject({ success: true, successfulPages: 4 });
    expect(after.pageResults[0]).toEqual(before.pageResults[0]);
    expect(after.pageResults[1]).toEqual(before.pageResults[1]);
    expect(after.pageResults[2].response).toBe(before.pageResults[1].response);
  });

  it('keeps the pages that are ready when Ctrl-C comes, and goes on from there', async () => {
    const output = join(work, 'stopped.jsonl');
    const images = Array.from({ length: 200 }, () => PICTURE);
    const args = ['--multi-page', '--json', '--output', output, '--model', ENDLESS, '-t', '0', '-n', '400'];
    const run = await interruptedOnce(() => existsSync(output), ['document', ...images, ...args]);
    expect(run).toMatchObject({ code: 130, stdout: '', stderr: 'bllossom: interrupted\n' });
    const [stopped] = jsonLines(readFileSync(output, 'utf8'));
    expect(stopped.success).toBe(false);
    expect(stopped.successfulPages).toBeGreaterThan(0);
    expect(stopped.successfulPages).toBeLessThan(200);
    expect(numbers(stopped)).toEqual(numbers(stopped).toSorted((a, b) => a - b));
    const few = images.slice(0, Math.max(...numbers(stopped)));
    const again = await bllossom(['document', ...few, ...args.slice(0, 2), ...FAST, '--resume', output]);
    const [resumed] = jsonLines(again.stdout);
    expect(resumed.successfulPages).toBe(few.length);
    // Pages are computed side by side: the first that was ready need not be page 1.
    const ready = new Set(numbers(stopped));
    const kept = resumed.pageResults.filter((page: { pageNumber: number }) => ready.has(page.pageNumber));
    expect(kept).toEqual(stopped.pageResults);
  });
});

describe('a document is refused before the model is loaded', () => {
  const refused: [string, () => string[], RegExp][] = [
    ['no input', () => [], /missing required argument 'inputs'/],
    ['no such file', () => ['none.pdf'], /none\.pdf cannot be read/],
    ['a file of another kind', () => [join(folder, 'notes.txt')], /not an image/],
    ['an empty folder', () => [workFolder('cli-document/empty')], /holds no image/],
    ['an unknown task', () => [pdf, '--task', 'sing'], /sing.*extract, summarize/],
    ['pages that are none', () => [pdf, '--pages', '1-3x'], /1-3,5 for --pages but received "1-3x"/],
    ['no pages', () => [pdf, '--pages', ''], /--pages but received ""/],
    ['a PDF among pages', () => [PICTURE, pdf, '--multi-page'], /a PDF file is a document of its own/],
    ['nothing to resume from', () => [pdf, '--resume', 'none.jsonl'], /none\.jsonl cannot be read/],
    ['something else to resume from', () => [pdf, '--resume', pdf], /report, line 1: no result/],
    ['a resolution that is none', () => [pdf, '--dpi', 'high'], /--dpi.*high/],
  ];
  it.each(refused)('%s', async (_, args, pattern) => {
    const run = await bllossom(['document', ...args(), '--model', 'none.gguf'], { cwd: work });
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^bllossom: error: [^\n]+\n$/);
    expect(run.stderr).toMatch(pattern);
  });

  it('and after it, a page that is not there', async () => {
    const output = join(work, 'never.txt');
    const run = await document(pdf, '--pages', '9', '--output', output);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^bllossom: error: There is no page 9: the document has pages 1 to 3\n$/);
    expect(existsSync(output)).toBe(false);
  });
});
