import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DocumentTask } from '../../lib/document/tasks.js';
import {
  type DocumentOptions,
  DocumentProcessor,
  type DocumentProgress,
  type PageResult,
} from '../../lib/document-processor.js';
import { ImageDecodeError, InvalidArgumentError, IoError, ModelNotLoadedError } from '../../lib/errors.js';
import { ModelManager } from '../../lib/model-manager.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { TASK_PROMPTS, type VisionTask } from '../../lib/vision-tasks.js';
import { ENDLESS, loadedManager, PICTURE, temporaryFolder } from '../support/model.js';
import { koreanFont, type PdfFont, type PdfPage, textPdf, writePdf } from '../support/pdf-writer.js';

const SHORT = { maxTokens: 4, temperature: 0 };
const KOREAN: PdfFont = { name: 'HYTest-Medium', encoding: 'KSCms-UHC-H' };
const EMBEDDED: PdfFont = { embedded: koreanFont() };
const page = (text: string, font: PdfFont = KOREAN): PdfPage => ({ texts: [{ text, font }] });
/** Its text is in a font that is not there, in codes that nothing explains. */
const BAD = page('손상', { name: 'Batang', encoding: 'Identity-H', ordering: 'Identity' });

let manager: ModelManager;
let processor: DocumentProcessor;
beforeAll(async () => {
  manager = await loadedManager((config) => {
    config.model.path = ENDLESS;
    config.hardware.maxBatchSize = 1; // two pages at once
  });
  processor = new DocumentProcessor(new VisionGenerator(manager));
});
afterAll(() => manager.unloadModel());

const numbers = (pages: readonly PageResult[]) => pages.map(({ pageNumber }) => pageNumber);

/** A signal that aborts, for a stated reason, when so many pages are ready; and what was told until then. */
function abortAfter(pages: number) {
  const controller = new AbortController();
  const progress: DocumentProgress[] = [];
  const onProgress = (told: DocumentProgress) => {
    progress.push(told);
    if (progress.length === pages) controller.abort('enough');
  };
  return { progress, options: { ...SHORT, signal: controller.signal, onProgress } };
}

describe('processDocumentPage', () => {
  const prompts: [DocumentTask, VisionTask][] = [
    ['extract', 'ocr'],
    ['summarize', 'summarize'],
    ['markdown', 'markdown'],
    ['table', 'table'],
  ];

  it.each(prompts)('"%s" asks the question of "%s"', async (task, visionTask) => {
    const result = await processor.processDocumentPage(PICTURE, task, SHORT);
    expect(result).toMatchObject({ success: true, imageSize: [expect.any(Number), expect.any(Number)] });
    expect(result.fullResponse).toContain(TASK_PROMPTS.ko[visionTask]);
  });

  it('extracts text unless told otherwise', async () => {
    const generation = processor.processDocumentPage(PICTURE, undefined, { ...SHORT, language: 'en' });
    const pieces: string[] = [];
    for await (const piece of generation) pieces.push(piece);
    const { fullResponse, response } = await generation;
    expect(fullResponse).toContain(TASK_PROMPTS.en.ocr);
    expect(pieces.join('')).toBe(response);
  });

  it.each(['ocr', '', 'toString', 5, null])('refuses the task %j', async (task) => {
    await expect(processor.processDocumentPage(PICTURE, task as never)).rejects.toThrow(
      /Expected one of "extract", "summarize", "markdown", "table" for task/,
    );
    await expect(processor.processMultiPageDocument([PICTURE], task as never)).rejects.toThrow(InvalidArgumentError);
  });
});

describe('a PDF', () => {
  it.each<[string, PdfFont]>([
    ['with its font embedded', EMBEDDED],
    ['that only names its font', KOREAN],
  ])('%s becomes Markdown, page by page', async (_name, font) => {
    const pdf = textPdf(font, '첫째 쪽', '둘째 쪽', '셋째 쪽');
    const result = await processor.processMultiPageDocument(pdf, 'markdown', SHORT);
    expect(result).toMatchObject({ success: true, totalPages: 3, successfulPages: 3 });
    expect(numbers(result.pageResults)).toEqual([1, 2, 3]);
    const responses = result.pageResults.map((each) => {
      if (!each.success) throw each.error;
      expect(each).toMatchObject({ task: 'markdown', warnings: [], missingCharacters: '', imageSize: [1131, 1600] });
      expect(each.fullResponse).toContain(TASK_PROMPTS.ko.markdown);
      return each.response.trim();
    });
    expect(result.combinedContent).toBe(responses.join('\n\n---\n\n'));
  });

  it('shows the model the same picture as its page drawn to a file', async () => {
    const pdf = textPdf(KOREAN, '같은 그림');
    const { PdfDocument } = await import('../../lib/document/pdf.js');
    const document = await PdfDocument.open(pdf);
    const { png } = await document.renderPage(1);
    document.close();
    const alone = await processor.processDocumentPage(png, 'extract', SHORT);
    const whole = await processor.processMultiPageDocument(pdf, 'extract', SHORT);
    expect(whole.pageResults[0]).toMatchObject({ response: alone.response });
    expect(whole.combinedContent).toBe(alone.response.trim());
  });

  it('is read from a path of any name and a file: URL, at the resolution asked for', async () => {
    const folder = mkdtempSync(join(temporaryFolder(), 'document-'));
    const path = join(folder, '문서.png');
    writeFileSync(path, textPdf(KOREAN, '가'));
    for (const source of [path, pathToFileURL(path)]) {
      const { pageResults } = await processor.processMultiPageDocument(source, 'extract', { ...SHORT, dpi: 72 });
      expect(pageResults).toMatchObject([{ success: true, imageSize: [595, 842] }]);
    }
    rmSync(folder, { recursive: true });
  });

  it('gives the pages that are asked for', async () => {
    const pdf = textPdf(KOREAN, '가', '나', '다', '라', '마');
    const result = await processor.processMultiPageDocument(pdf, 'extract', { ...SHORT, pages: '4-,1' });
    expect(numbers(result.pageResults)).toEqual([1, 4, 5]);
    expect(result).toMatchObject({ success: true, totalPages: 3, successfulPages: 3 });
    await expect(processor.processMultiPageDocument(pdf, 'extract', { pages: [6] })).rejects.toThrow(
      /There is no page 6: the document has pages 1 to 5/,
    );
  });

  it('loses a bad page and no other, and says so in its place', async () => {
    const pdf = writePdf([page('가'), BAD, page('다')]);
    const korean = await processor.processMultiPageDocument(pdf, 'summarize', SHORT);
    expect(korean).toMatchObject({ success: false, totalPages: 3, successfulPages: 2 });
    expect(korean.pageResults.map(({ success }) => success)).toEqual([true, false, true]);
    expect(korean.pageResults[1]).toMatchObject({ pageNumber: 2, error: expect.any(ImageDecodeError) });
    expect(korean.combinedContent).toMatch(
      /^\[1쪽\]\n.*\n\n\[2쪽을 처리하지 못했습니다: Page 2 uses the font "Batang".*\]\n\n\[3쪽\]\n/s,
    );
    const english = await processor.processMultiPageDocument(pdf, 'table', { ...SHORT, language: 'en' });
    expect(english.combinedContent).toMatch(/^\[Page 1\]\n.*\n\n\[Page 2 could not be processed: .*\[Page 3\]\n/s);
  });

  it('gives every page as the data that a schema describes', async () => {
    const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] } as const;
    const options = { maxTokens: 60, responseFormat: { type: 'json', schema } } as const;
    const { pageResults } = await processor.processMultiPageDocument(textPdf(KOREAN, '가', '나'), 'extract', options);
    for (const each of pageResults) expect(each).toMatchObject({ parsed: { ok: expect.any(Boolean) } });
    const wrong = { responseFormat: { type: 'json', schema: { type: 'nothing' } } } as never;
    await expect(processor.processMultiPageDocument([PICTURE], 'extract', wrong)).rejects.toThrow(InvalidArgumentError);
  });

  it('with a password is opened by it alone', async () => {
    const pdf = writePdf([page('Secret', { standard: 'Helvetica' })], { password: 'sesame' });
    const read = (password?: string) => processor.processMultiPageDocument(pdf, 'extract', { ...SHORT, password });
    await expect(read()).rejects.toThrow(/is encrypted: pass its password/);
    await expect(read('open')).rejects.toThrow(/password does not open it/);
    expect(await read('sesame')).toMatchObject({ success: true });
  });
});

describe('images', () => {
  it('are processed in order, and one that is none does not lose the others', async () => {
    const images = [PICTURE, '/nowhere.png', Buffer.from('no image'), PICTURE];
    const result = await processor.processMultiPageDocument(images, 'extract', SHORT);
    expect(result).toMatchObject({ success: false, totalPages: 4, successfulPages: 2 });
    expect(result.pageResults).toMatchObject([
      { success: true, pageNumber: 1 },
      { success: false, pageNumber: 2, error: expect.any(IoError) },
      { success: false, pageNumber: 3, error: expect.any(ImageDecodeError) },
      { success: true, pageNumber: 4 },
    ]);
  });

  it('can be selected, and come to a loop when they are ready', async () => {
    const seen: number[] = [];
    const batch = processor.processMultiPageDocument([PICTURE, PICTURE, PICTURE], 'extract', { ...SHORT, pages: '2-' });
    for await (const { pageNumber } of batch) seen.push(pageNumber);
    expect(seen.sort()).toEqual([2, 3]);
    expect(numbers((await batch).pageResults)).toEqual([2, 3]);
  });
});

describe('an abort', () => {
  it('rejects with its reason; the pages that are ready can be taken up, and only the others are computed', async () => {
    const pdf = textPdf(KOREAN, '가', '나', '다', '라', '마', '바');
    const first = abortAfter(2);
    const batch = processor.processMultiPageDocument(pdf, 'extract', first.options);
    await expect(batch).rejects.toBe('enough');
    expect(first.progress.map(({ done, total }) => [done, total])).toEqual([
      [1, 6],
      [2, 6],
    ]);
    expect(numbers(batch.finished)).toEqual(first.progress.map(({ page: number }) => number));

    const again: DocumentProgress[] = [];
    const onProgress = (told: DocumentProgress) => again.push(told);
    const resume = batch.finished;
    const second = await processor.processMultiPageDocument(pdf, 'extract', { ...SHORT, resume, onProgress });
    expect(second).toMatchObject({ success: true, totalPages: 6, successfulPages: 6 });
    expect(again).toHaveLength(4);
    expect(again.map(({ page: number }) => number).sort()).toEqual(
      [1, 2, 3, 4, 5, 6].filter((number) => !numbers(resume).includes(number)),
    );
    expect(again.at(-1)).toMatchObject({ done: 6, total: 6 });
    for (const kept of resume) expect(second.pageResults).toContainEqual(kept);
    const whole = await processor.processMultiPageDocument(pdf, 'extract', SHORT);
    expect(second.combinedContent).toBe(whole.combinedContent);
  });

  it('computes again what failed, and takes up what went through JSON', async () => {
    const first = await processor.processMultiPageDocument([PICTURE, '/nowhere.png'], 'extract', SHORT);
    const resume = JSON.parse(JSON.stringify(first.pageResults)) as PageResult[];
    const pages: number[] = [];
    const onProgress = (told: DocumentProgress) => pages.push(told.page);
    const second = await processor.processMultiPageDocument([PICTURE, PICTURE], 'extract', {
      ...SHORT,
      resume,
      onProgress,
    });
    expect(pages).toEqual([2]);
    expect(second).toMatchObject({ success: true, successfulPages: 2 });
  });

  it('while the PDF is being opened, and before anything begins, rejects with its reason', async () => {
    const pdf = textPdf(KOREAN, '가');
    const controller = new AbortController();
    const opening = processor.processMultiPageDocument(pdf, 'extract', { ...SHORT, signal: controller.signal });
    setTimeout(() => controller.abort('changed my mind'), 20);
    await expect(opening).rejects.toBe('changed my mind');
    const late = processor.processMultiPageDocument(pdf, 'extract', { ...SHORT, signal: AbortSignal.abort('no') });
    await expect(late).rejects.toBe('no');
    expect(late.finished).toEqual([]);
  });

  it('by leaving the loop ends the document', async () => {
    const batch = processor.processMultiPageDocument(textPdf(KOREAN, '가', '나', '다', '라'), 'extract', SHORT);
    for await (const _page of batch) break;
    await expect(batch).rejects.toMatchObject({ name: 'AbortError', code: 'ERR_CANCELLED' });
    expect(batch.finished.length).toBeLessThan(4);
  });
});

describe('misuse', () => {
  it.each([
    [{ temprature: 0 }, /Unknown option "temprature"/],
    [{ onToken: () => {} }, /Unknown option "onToken"/],
    [{ maxTokens: 0 }, /for maxTokens/],
    [{ language: 'fr' }, /one of "ko", "en" for language/],
    [{ preprocess: 1 }, /for preprocess/],
    [{ pages: 'x' }, /for pages/],
    [{ dpi: 1 }, /for dpi/],
    [{ fonts: 'x' }, /for fonts/],
    [{ fonts: [''] }, /a path for fonts\[0\]/],
    [{ password: 1 }, /for password/],
    [{ signal: 1 }, /an AbortSignal for signal/],
    [{ onProgress: 1 }, /a function for onProgress/],
    [{ resume: {} }, /an array of at most 1000000 items for resume/],
    [{ resume: [null] }, /an object for a page of resume/],
    [{ resume: [{}] }, /for success of a page of resume/],
    [{ resume: [{ success: true, pageNumber: 0 }] }, /for pageNumber of a page of resume/],
    [{ resume: [{ success: true, pageNumber: 1 }] }, /for response of a page of resume/],
    [{ resume: [{ success: true, pageNumber: 1, response: '', task: 'table' }] }, /of the task "table", but the task/],
    [null, /an object for options/],
    [5, /an object for options/],
  ])('options %j are refused', async (options, message) => {
    const batch = processor.processMultiPageDocument(textPdf(KOREAN, '가'), 'extract', options as DocumentOptions);
    await expect(batch).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(batch).rejects.toThrow(message);
  });

  it.each([
    ['no images', [], InvalidArgumentError],
    ['nothing', undefined, InvalidArgumentError],
    ['a number', 5, InvalidArgumentError],
    ['an image that is not in an array', PICTURE, ImageDecodeError],
    ['bytes that are no PDF', Buffer.from('hello'), ImageDecodeError],
    ['a file that is not there', '/nowhere.pdf', IoError],
  ])('%s instead of a document is refused', async (_name, document, type) => {
    await expect(processor.processMultiPageDocument(document as never, 'extract')).rejects.toBeInstanceOf(type);
  });

  it('options of a PDF are checked for images too', async () => {
    await expect(processor.processMultiPageDocument([PICTURE], 'extract', { dpi: 1 })).rejects.toThrow(/for dpi/);
  });

  it('a getter among the options that throws makes the batch reject', async () => {
    const cause = new Error('mine');
    const options = {
      get pages(): never {
        throw cause;
      },
    };
    const batch = processor.processMultiPageDocument([PICTURE], 'extract', options);
    await expect(batch).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(batch).rejects.toMatchObject({ cause });
  });

  it('options and images are read once, when it is called', async () => {
    let reads = 0;
    const images = [PICTURE];
    const options = {
      ...SHORT,
      get pages(): number {
        reads++;
        return 1;
      },
    };
    const batch = processor.processMultiPageDocument(images, 'extract', options);
    images.fill('/nowhere.png');
    expect(await batch).toMatchObject({ success: true, totalPages: 1 });
    expect(reads).toBe(1);
  });

  it('something else than a vision generator is refused', () => {
    for (const value of [undefined, null, {}, manager]) {
      expect(() => new DocumentProcessor(value as never)).toThrow(/Expected a VisionGenerator for visionGenerator/);
    }
  });

  it('without a model nothing is opened', async () => {
    const idle = new DocumentProcessor(new VisionGenerator(new ModelManager(manager.config)));
    await expect(idle.processMultiPageDocument('/nowhere.pdf')).rejects.toBeInstanceOf(ModelNotLoadedError);
  });
});
