import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PdfDocument, type PdfOptions, type RenderedPage } from '../../lib/document/pdf.js';
import { patient } from '../support/patience.js';
import { A4, KOREAN_FONT, koreanFont, type PdfFont, textPdf, writePdf } from '../support/pdf-writer.js';
import { drawReference, inkOfPng, type ReferenceText, similarity } from '../support/rendering.js';

/** Visible beyond doubt; measured: 0.93 and more for the right text, 0.7 and less for the others. */
const SAME = 0.88;
const DIFFERENT = 0.75;

const TEXT = '안녕하세요 대한민국 2026';
const OTHERS = ['인냥허새오 데힌먼극 2925', '                   ', '□□□□□ □□□□ □□□□', '안녕하세요 대한'];

/** Characters of a font that is only named stand in cells: half an em for ASCII, an em for the rest. */
const inCells = (character: string) => (character < '\x80' ? 0.5 : 1);

async function render(pdf: Buffer, options?: PdfOptions): Promise<RenderedPage> {
  const document = await PdfDocument.open(pdf, options, { maxSeconds: patient(60) });
  try {
    return await document.renderPage(1);
  } finally {
    document.close();
  }
}

/** Similarity of a page with a text at the place where `textPdf` puts it. */
async function looksLike(page: RenderedPage, text: string, cell?: ReferenceText['cell']): Promise<number> {
  const scale = page.height / A4[1];
  const at: [number, number] = [60 * scale, page.height - 700 * scale];
  const reference = drawReference(page, { text, size: 36 * scale, at, ...(cell ? { cell } : {}) });
  return similarity(await inkOfPng(page.png), reference);
}

const FONTS: [string, PdfFont, ReferenceText['cell']][] = [
  ['an embedded subset', { embedded: koreanFont() }, undefined],
  ['a named font in KSCms-UHC-H', { name: 'HYTestMyeongJo-Medium', encoding: 'KSCms-UHC-H' }, inCells],
  ['a named font in UniKS-UCS2-H', { name: 'HYTestGothic-Medium', encoding: 'UniKS-UCS2-H' }, inCells],
];

describe('Korean text', () => {
  test.each(FONTS)('of %s is on the page, and no other text', async (_name, font, cell) => {
    const page = await render(textPdf(font, TEXT));
    expect(Math.max(page.width, page.height)).toBe(1600);
    expect(page).toMatchObject({ missingCharacters: '', warnings: [] });
    expect(await looksLike(page, TEXT, cell)).toBeGreaterThan(SAME);
    for (const other of OTHERS) expect(await looksLike(page, other, cell), other).toBeLessThan(DIFFERENT);
  });

  test('of all 11,172 syllables has a glyph in the substitute', async () => {
    const syllables = Array.from({ length: 11_172 }, (_, i) => String.fromCharCode(0xac00 + i));
    const lines = Array.from({ length: 120 }, (_, i) => syllables.slice(i * 94, (i + 1) * 94).join(''));
    const font: PdfFont = { name: 'HYTest-Medium', encoding: 'UniKS-UCS2-H' };
    const texts = lines.map((text, i): { text: string; font: PdfFont; size: number; at: [number, number] } => {
      return { text, font, size: 6, at: [10, 830 - 6.8 * i] };
    });
    const page = await render(writePdf([{ texts }]));
    expect(page.missingCharacters).toBe('');
  });

  test('with Hanja and circled numbers is drawn too', async () => {
    const page = await render(textPdf({ name: 'HYTest-Medium', encoding: 'UniKS-UCS2-H' }, '大韓民國 ①②'));
    expect(await looksLike(page, '大韓民國 ①②', inCells)).toBeGreaterThan(SAME);
  });

  test('at another resolution is the same text', async () => {
    const page = await render(textPdf({ embedded: koreanFont() }, TEXT), { dpi: 72 });
    expect([page.width, page.height]).toEqual(A4);
    expect(await looksLike(page, TEXT)).toBeGreaterThan(SAME - 0.15);
  });

  test('in a font that was set before the state was saved and restored is found', async () => {
    const unknown: PdfFont = { name: 'Batang', encoding: 'Identity-H', ordering: 'Identity' };
    const fonts = [unknown, { standard: 'Helvetica' } as const].map((font) => ({ text: '', font }));
    const content = 'BT /F0 36 Tf ET q BT /F1 12 Tf (other) Tj ET Q BT 60 700 Td <AC00AC01> Tj ET';
    await expect(render(writePdf([{ texts: fonts, content }]))).rejects.toThrow(/by numbers of its glyphs/);
    const state = 'q BT /F0 36 Tf ET Q BT /F1 36 Tf 60 700 Td (other) Tj ET';
    expect(await render(writePdf([{ texts: fonts, content: state }]))).toMatchObject({ warnings: [] });
  });

  test('by numbers of glyphs of a font that is not there is refused, since nobody knows what they show', async () => {
    const pdf = textPdf({ name: 'Batang', encoding: 'Identity-H', ordering: 'Identity' }, TEXT);
    await expect(render(pdf)).rejects.toMatchObject({
      code: 'ERR_IMAGE_DECODE',
      message: expect.stringMatching(
        /^Page 1 uses the font "Batang", which is not in the PDF, by numbers of its glyphs/,
      ),
    });
  });
});

describe('the option fonts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bllossom-fonts-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const pdf = textPdf({ name: 'HYTest-Medium', encoding: 'KSCms-UHC-H' }, TEXT);
  const bold = KOREAN_FONT.replaceAll('400Regular', '700Bold');

  test('draws with the file that it names', async () => {
    const [regular, heavy] = [await render(pdf), await render(pdf, { fonts: [bold] })];
    const ink = async (page: RenderedPage) => (await inkOfPng(page.png)).data.reduce((sum, value) => sum + value, 0);
    expect(await ink(heavy)).toBeGreaterThan(1.2 * (await ink(regular)));
    expect(await looksLike(heavy, TEXT, inCells)).toBeGreaterThan(0.5);
  });

  test('takes a folder, in which regular fonts go first', async () => {
    symlinkSync(dirname(bold), join(folder, '1-bold'));
    symlinkSync(KOREAN_FONT, join(folder, '2-regular-400.ttf'));
    symlinkSync(bold, join(folder, '1-bold.ttf'));
    expect(await looksLike(await render(pdf, { fonts: [folder] }), TEXT, inCells)).toBeGreaterThan(SAME);
  });

  test.each([
    [['/nowhere/font.ttf'], /names \/nowhere\/font\.ttf, which cannot be read/],
    [[import.meta.filename], /is not a font: pass TTF, OTF, TTC or WOFF2/],
    [[import.meta.dirname], /holds no font/],
    ['font.ttf', /Expected an array of at most 200 items for fonts/],
    [[''], /Expected a path for fonts\[0\]/],
    [['a\0b'], /Expected a path for fonts\[0\]/],
  ])('refuses %j', async (fonts, message) => {
    await expect(render(pdf, { fonts: fonts as string[] })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(message),
    });
  });
});
