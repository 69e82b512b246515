import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { isPdf, PdfDocument, type PdfLimits, type PdfOptions, type RenderedPage } from '../../lib/document/pdf.js';
import { BllossomError } from '../../lib/errors.js';
import { patient } from '../support/patience.js';
import { type PdfFont, type PdfText, textPdf, writePdf } from '../support/pdf-writer.js';

const HELVETICA: PdfFont = { standard: 'Helvetica' };
const folder = mkdtempSync(join(tmpdir(), 'bllossom-pdf-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function open<T>(
  pdf: Buffer,
  work: (document: PdfDocument) => Promise<T>,
  options?: PdfOptions,
  limits?: Partial<PdfLimits>,
): Promise<T> {
  const document = await PdfDocument.open(pdf, options, limits);
  try {
    return await work(document);
  } finally {
    document.close();
  }
}

const firstPage = (pdf: Buffer, options?: PdfOptions, limits?: Partial<PdfLimits>): Promise<RenderedPage> =>
  open(pdf, (document) => document.renderPage(1), options, limits);

/** 40 x 60 pixels of #c00000, by OpenJPEG. */
const JPEG_2000 = Buffer.from(
  '/0//UQAvAAAAAAAoAAAAPAAAAAAAAAAAAAAAKAAAADwAAAAAAAAAAAADBwEBBwEBBwEB/1IADAAAAAEAAAQEAAH/XAAEQED/ZAAlAAFDcmVh' +
    'dGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAAA1AAH/k8+0KBQAXK//f/9//3/fgFARUFSv/3//f/9/34BQEVBUr/9//3' +
    '//f//Z',
  'base64',
);

/** A short word has twice as much. */
const INK = 0.0003;

/** Share of pixels that are not white. */
async function inkShare({ png }: RenderedPage): Promise<number> {
  const { data } = await sharp(png).greyscale().raw().toBuffer({ resolveWithObject: true });
  return data.filter((value) => value < 255).length / data.length;
}

const failure = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) });

describe('a PDF', () => {
  const pdf = textPdf(HELVETICA, 'one', 'two', 'three');

  test('is read from a path of any name, a file: URL, bytes in every form, and a Blob', async () => {
    const path = join(folder, 'named-like-a.png');
    writeFileSync(path, pdf);
    const bytes = new Uint8Array(pdf);
    const wider = Buffer.concat([Buffer.from('junk'), pdf, Buffer.from('junk')]).subarray(4, 4 + pdf.length);
    for (const source of [path, pathToFileURL(path), pdf, wider, bytes, bytes.buffer, new Blob([pdf])]) {
      const document = await PdfDocument.open(source);
      expect(document.pageCount).toBe(3);
      document.close();
    }
  });

  test('is told by its header, which may follow other bytes', () => {
    expect(isPdf(pdf)).toBe(true);
    expect(isPdf(Buffer.concat([Buffer.alloc(1000), pdf]))).toBe(true);
    expect(isPdf(Buffer.concat([Buffer.alloc(2000), pdf]))).toBe(false);
    expect(isPdf(Buffer.from('%PD'))).toBe(false);
  });

  test('is drawn page by page, in the order asked for, with the sizes of its pages', async () => {
    const sizes: [number, number][] = [
      [200, 100],
      [100, 400],
    ];
    const file = writePdf([
      ...sizes.map((size) => ({ size })),
      { size: [200, 100], entries: '/Rotate 90' },
      { size: [1, 100_000] },
    ]);
    await open(file, async (document) => {
      const pages = await Promise.all([2, 1, 3, 4].map((number) => document.renderPage(number)));
      expect(pages.map(({ width, height }) => [width, height])).toEqual([
        [400, 1600],
        [1600, 800],
        [800, 1600],
        [1, 1600],
      ]);
      expect(await sharp(pages[0]?.png).metadata()).toMatchObject({ format: 'png', width: 400, height: 1600 });
    });
  });

  test('whose caller changes the bytes meanwhile is drawn as it was', async () => {
    const bytes = Buffer.from(textPdf(HELVETICA, 'steady'));
    const opened = PdfDocument.open(bytes);
    bytes.fill(0);
    const document = await opened;
    const page = await document.renderPage(1);
    document.close();
    expect(await inkShare(page)).toBeGreaterThan(INK);
  });

  test('with a password is opened by it alone', async () => {
    const secret = writePdf([{ texts: [{ text: 'secret', font: HELVETICA }] }], { password: 'sesame' });
    await expect(firstPage(secret)).rejects.toMatchObject(
      failure('ERR_INVALID_OPTION', /is encrypted: pass its password with the option password/),
    );
    await expect(firstPage(secret, { password: 'wrong' })).rejects.toMatchObject(
      failure('ERR_INVALID_OPTION', /the password does not open it/),
    );
    expect(await inkShare(await firstPage(secret, { password: 'sesame' }))).toBeGreaterThan(INK);
  });

  test('with pictures shows them', async () => {
    const size = { width: 40, height: 60 };
    const jpeg = await sharp({ create: { ...size, channels: 3, background: '#c00000' } })
      .jpeg()
      .toBuffer();
    const pages = [
      { picture: { ...size, data: jpeg, filter: 'DCTDecode' } },
      { picture: { ...size, data: JPEG_2000, filter: 'JPXDecode' } },
    ];
    await open(writePdf(pages), async (document) => {
      for (const number of [1, 2]) {
        const { png, warnings } = await document.renderPage(number);
        const [red, green] = (await sharp(png).stats()).channels;
        expect([red?.mean, green?.mean, warnings], `page ${number}`).toEqual([
          expect.closeTo(192, -1),
          expect.closeTo(0, -1),
          [],
        ]);
      }
    });
  });

  test('that carries a script is drawn and the script is not run', async () => {
    const script = '/OpenAction << /S /JavaScript /JS (app.alert\\(1\\); while \\(true\\);) >>';
    const file = writePdf([{ texts: [{ text: 'hello', font: HELVETICA }] }], { catalog: script });
    expect(await inkShare(await firstPage(file))).toBeGreaterThan(INK);
  });

  test('after close is closed', async () => {
    const document = await PdfDocument.open(pdf);
    document.close();
    await expect(document.renderPage(1)).rejects.toBeInstanceOf(BllossomError);
    document.close();
  });

  test('closed while a page is drawn ends that page', async () => {
    const document = await PdfDocument.open(pdf);
    const page = document.renderPage(1);
    document.close();
    await expect(page).rejects.toBeInstanceOf(BllossomError);
  });
});

describe('misuse', () => {
  const pdf = textPdf(HELVETICA, 'x');

  test.each([
    ['an image', Buffer.from('89504e470d0a1a0a', 'hex'), /is not a PDF \(it begins with 89504e470d0a1a0a\)/],
    ['text', Buffer.from('hello'), /is not a PDF/],
  ])('%s is refused', async (_name, source, message) => {
    await expect(PdfDocument.open(source)).rejects.toMatchObject(failure('ERR_IMAGE_DECODE', message));
  });

  test.each([
    ['a missing file', join(folder, 'nothing.pdf'), 'ERR_IO', /^The PDF file .*nothing\.pdf cannot be read/],
    ['a folder', folder, 'ERR_IO', /not a regular file/],
    ['no bytes', Buffer.alloc(0), 'ERR_IMAGE_DECODE', /^The PDF is empty: 0 bytes/],
    ['a number', 5, 'ERR_INVALID_OPTION', /for PDF but received 5/],
    ['nothing', undefined, 'ERR_INVALID_OPTION', /for PDF but received undefined/],
    ['null', null, 'ERR_INVALID_OPTION', /for PDF but received null/],
    ['a web address', 'https://example.com/a.pdf', 'ERR_INVALID_OPTION', /download the file and pass its path/],
  ])('%s is refused', async (_name, source, code, message) => {
    await expect(PdfDocument.open(source as never)).rejects.toMatchObject(failure(code, message));
  });

  test.each([
    [{ dpi: 17 }, /Expected a number from 18 to 600 for dpi/],
    [{ dpi: '72' }, /for dpi/],
    [{ password: 5 }, /Expected a string for password/],
    [{ scale: 2 }, /Unknown option "scale"/],
    [null, /Expected an object for options/],
  ])('options %j are refused', async (options, message) => {
    await expect(PdfDocument.open(pdf, options as never)).rejects.toMatchObject(failure('ERR_INVALID_OPTION', message));
  });

  test('a page that does not exist', async () => {
    await expect(open(pdf, (document) => document.renderPage(2))).rejects.toMatchObject({ code: 'ERR_IMAGE_DECODE' });
  });
});

describe('limits', () => {
  const pdf = textPdf(HELVETICA, 'x');

  test('of the bytes of the file', async () => {
    await expect(PdfDocument.open(pdf, {}, { maxBytes: 100 })).rejects.toMatchObject({ code: 'ERR_IMAGE_LIMIT' });
  });

  test('of the pixels of a page', async () => {
    await expect(firstPage(pdf, { dpi: 600 }, { maxPixels: 1_000_000 })).rejects.toMatchObject(
      failure('ERR_IMAGE_LIMIT', /Page 1 has 4958 x 7017 pixels at 600 dpi; the limit is 1000000\. Lower dpi/),
    );
  });

  test('of time: the page fails, the next is drawn by a new process', async () => {
    const slow = { content: '0 0 500 500 re f\n'.repeat(4_000_000) };
    const file = writePdf([slow, { texts: [{ text: 'hello', font: HELVETICA }] }]);
    const after = await open(
      file,
      async (document) => {
        await expect(document.renderPage(1)).rejects.toMatchObject(
          failure('ERR_TIMEOUT', new RegExp(`^Page 1 took longer than the ${patient(2)} s allowed`)),
        );
        return document.renderPage(2);
      },
      {},
      { maxSeconds: patient(2) },
    );
    expect(await inkShare(after)).toBeGreaterThan(INK);
  });

  test('of memory: a stream that unpacks to half a gigabyte fails its page, the next is drawn', async () => {
    const file = writePdf([{ content: Buffer.alloc(512 << 20, ' ') }, { texts: [{ text: 'hi', font: HELVETICA }] }]);
    expect(file.length).toBeLessThan(2_000_000);
    const after = await open(
      file,
      async (document) => {
        await expect(document.renderPage(1)).rejects.toMatchObject(
          failure('ERR_IMAGE_LIMIT', /^Page 1 takes more memory than allowed/),
        );
        return document.renderPage(2);
      },
      {},
      { maxMemory: 400 << 20, maxSeconds: patient(60) },
    );
    expect(await inkShare(after)).toBeGreaterThan(INK);
  });
});

test('pages that together take more memory than allowed are all drawn', async () => {
  const pages = Array.from({ length: 8 }, (_, page) => ({
    texts: Array.from({ length: 12 }, (_, i): PdfText => {
      const font = { name: `HYTest${page}x${i}`, encoding: 'KSCms-UHC-H' } as const; // pdfjs keeps megabytes of each
      return { text: '한글', font, at: [60, 50 * i + 100] };
    }),
  }));
  await open(
    writePdf(pages),
    async (document) => {
      for (let number = 1; number <= pages.length; number++) {
        expect(await inkShare(await document.renderPage(number))).toBeGreaterThan(INK);
      }
    },
    {},
    { maxMemory: 400 << 20 },
  );
});

describe('a damaged PDF', () => {
  const good = { texts: [{ text: 'good', font: HELVETICA }] };

  test('loses the pages that are damaged and no others', async () => {
    const junk = { data: Buffer.from('no picture at all'), width: 1000, height: 1000 };
    const bad = [
      { ...good, filter: 'FlateDecode' },
      { picture: { ...junk, filter: 'DCTDecode' } },
      { picture: { ...junk, filter: 'JPXDecode' } },
      { picture: { ...junk, width: 100_000, height: 100_000, filter: 'DCTDecode' } },
    ];
    await open(writePdf([good, ...bad, good]), async (document) => {
      for (const number of [1, 6]) expect(await inkShare(await document.renderPage(number))).toBeGreaterThan(INK);
      for (const number of [2, 3, 4, 5]) {
        await expect(document.renderPage(number), `page ${number}`).rejects.toMatchObject(
          failure('ERR_IMAGE_DECODE', new RegExp(`^Page ${number} is damaged and comes out blank: `)),
        );
      }
    });
  });

  test('says what is wrong with a page that is not blank for it', async () => {
    const picture = { data: Buffer.from('no picture at all'), width: 10, height: 10, filter: 'DCTDecode' };
    const file = writePdf([{ ...good, picture }, good, {}]);
    await open(file, async (document) => {
      expect((await document.renderPage(1)).warnings).toContainEqual(expect.stringMatching(/^Unable to decode image/));
      expect((await document.renderPage(2)).warnings).toEqual([]);
      expect((await document.renderPage(3)).warnings).toEqual([]); // a page that is empty
    });
  });

  test('whose list of pages has a hole keeps the pages before it', async () => {
    await open(writePdf([good, { raw: 'null' }]), async (document) => {
      expect(await inkShare(await document.renderPage(1))).toBeGreaterThan(INK);
      await expect(document.renderPage(2)).rejects.toMatchObject(failure('ERR_IMAGE_DECODE', /^Page 2 of the PDF/));
    });
  });

  test('that claims a billion pages or contains itself opens and fails where it is touched', async () => {
    const many = writePdf([good], { count: 1e9 });
    expect(await inkShare(await firstPage(many))).toBeGreaterThan(INK);
    const loop = writePdf([{ raw: '<< /Type /Pages /Kids [1 0 R] /Count 5 >>' }]);
    await expect(firstPage(loop)).rejects.toMatchObject({ code: 'ERR_IMAGE_DECODE' });
  });

  test.each(['[0 0 1e30 1e30]', '[0 0 0 0]', '[0 0 -5 5]', '[a b c d]', '[0 0 1e-30 1]', '5'])(
    'with the page size %s gives a page or a typed error',
    async (box) => {
      const file = writePdf([{ raw: `<< /Type /Page /Parent 1 0 R /MediaBox ${box} >>` }]);
      const page = await firstPage(file).catch((error: unknown) => error);
      if (page instanceof Error) expect(page).toBeInstanceOf(BllossomError);
      else expect(Math.max((page as RenderedPage).width, (page as RenderedPage).height)).toBeLessThanOrEqual(1600);
    },
  );

  test('cut or changed anywhere gives a page or a typed error', async () => {
    const whole = textPdf({ name: 'Batang', encoding: 'UniKS-UCS2-H' }, '안녕하세요');
    const cut = Array.from({ length: 6 }, (_, i) => whole.subarray(0, Math.floor((whole.length * (i + 1)) / 7)));
    const changed = Array.from({ length: 12 }, (_, i) => {
      const copy = Buffer.from(whole);
      copy[20 + Math.floor(((whole.length - 20) * i) / 12)] = 0x5d;
      return copy;
    });
    const outcomes: unknown[] = [];
    for (const file of [...cut, ...changed]) outcomes.push(await firstPage(file).catch((error: unknown) => error));
    for (const outcome of outcomes) {
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(BllossomError);
      else expect((outcome as RenderedPage).height).toBeGreaterThan(0);
    }
    expect(outcomes.some((outcome) => outcome instanceof BllossomError)).toBe(true);
    expect(outcomes.some((outcome) => !(outcome instanceof Error))).toBe(true);
  });
});
