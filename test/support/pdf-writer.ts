/** Writes small PDF files: pages of text in Korean fonts that are in the file or only named. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { deflateSync } from 'node:zlib';
import { TrueTypeFont } from './true-type.js';

/** The font of the optional font package. */
export const KOREAN_FONT = createRequire(import.meta.url).resolve(
  '@expo-google-fonts/noto-sans-kr/400Regular/NotoSansKR_400Regular.ttf',
);

/** How a text finds its glyphs: a subset of a font in the file, or a font that is only named, by an encoding. */
export type PdfFont =
  | { embedded: Buffer }
  | { name: string; encoding: 'KSCms-UHC-H' | 'UniKS-UCS2-H'; ordering?: string }
  | { name: string; encoding: 'Identity-H'; ordering: string }
  | { standard: 'Helvetica' };

export interface PdfText {
  text: string;
  font: PdfFont;
  /** Points. */
  size?: number;
  /** Points from the lower left of the page to the start of the baseline. */
  at?: [x: number, y: number];
}

export interface PdfPage {
  texts?: PdfText[];
  /** Points. */
  size?: [width: number, height: number];
  /** Goes before the texts. */
  content?: string | Buffer;
  /** What the filter of the content stream is called. */
  filter?: string;
  /** Replaces the page object. */
  raw?: string;
  /** More entries of the page. */
  entries?: string;
}

export const A4: [number, number] = [595, 842];

class Objects {
  readonly #objects: Buffer[] = [];

  add(body: string | Buffer): string {
    this.#objects.push(Buffer.from(body as string, 'latin1'));
    return `${this.#objects.length} 0 R`;
  }

  reserve(): { reference: string; set(body: string): void } {
    const reference = this.add('null');
    const index = this.#objects.length - 1;
    return { reference, set: (body) => (this.#objects[index] = Buffer.from(body, 'latin1')) };
  }

  stream(data: Buffer | string, entries = ''): string {
    const packed = deflateSync(Buffer.from(data as string, 'latin1'));
    return this.rawStream(packed, `/Filter /FlateDecode ${entries}`);
  }

  rawStream(data: Buffer, entries: string): string {
    const head = `<< /Length ${data.length} ${entries} >>\nstream\n`;
    return this.add(Buffer.concat([Buffer.from(head, 'latin1'), data, Buffer.from('\nendstream', 'latin1')]));
  }

  file(catalog: string, trailer = ''): Buffer {
    const parts = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')];
    const offsets: number[] = [];
    let length = (parts[0] as Buffer).length;
    const push = (part: Buffer) => {
      parts.push(part);
      length += part.length;
    };
    this.#objects.forEach((body, i) => {
      offsets.push(length);
      push(Buffer.concat([Buffer.from(`${i + 1} 0 obj\n`), body, Buffer.from('\nendobj\n')]));
    });
    const start = length;
    const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
    const size = offsets.length + 1;
    push(Buffer.from(`xref\n0 ${size}\n0000000000 65535 f \n${rows}`));
    push(Buffer.from(`trailer\n<< /Size ${size} /Root ${catalog} ${trailer} >>\nstartxref\n${start}\n%%EOF\n`));
    return Buffer.concat(parts);
  }
}

/** @param trailer more entries of the trailer */
export function writePdf(pages: PdfPage[], trailer = ''): Buffer {
  const objects = new Objects();
  const tree = objects.reserve();
  const kids = pages.map((page) => writePage(objects, tree.reference, page));
  tree.set(`<< /Type /Pages /Kids [${kids.join(' ')}] /Count ${kids.length} >>`);
  return objects.file(objects.add(`<< /Type /Catalog /Pages ${tree.reference} >>`), trailer);
}

/** Pages with one line of text each. */
export const textPdf = (font: PdfFont, ...texts: string[]): Buffer =>
  writePdf(texts.map((text) => ({ texts: [{ text, font }] })));

function writePage(objects: Objects, parent: string, page: PdfPage): string {
  if (page.raw !== undefined) return objects.add(page.raw);
  const { texts = [], size = A4, content = '', filter, entries = '' } = page;
  const fonts = texts.map(({ text, font }, i) => `/F${i} ${writeFont(objects, font, text)}`);
  const shown = texts.map(({ text, font, size: points = 36, at = [60, 700] }, i) => {
    return `BT /F${i} ${points} Tf ${at[0]} ${at[1]} Td <${encode(text, font).toString('hex')}> Tj ET\n`;
  });
  const data = Buffer.concat([Buffer.from(content as string, 'latin1'), Buffer.from(`\n${shown.join('')}`)]);
  const stream = filter === undefined ? objects.stream(data) : objects.rawStream(data, `/Filter /${filter}`);
  return objects.add(
    `<< /Type /Page /Parent ${parent} /MediaBox [0 0 ${size.join(' ')}] /Contents ${stream} ` +
      `/Resources << /Font << ${fonts.join(' ')} >> >> ${entries} >>`,
  );
}

function writeFont(objects: Objects, font: PdfFont, text: string): string {
  if ('standard' in font) return objects.add(`<< /Type /Font /Subtype /Type1 /BaseFont /${font.standard} >>`);
  if ('embedded' in font) return embed(objects, new TrueTypeFont(font.embedded), [...new Set(text)]);
  const { name, encoding, ordering = 'Korea1' } = font;
  const descriptor = objects.add(
    `<< /Type /FontDescriptor /FontName /${name} /Flags 6 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 880 ` +
      '/Descent -120 /CapHeight 700 /StemV 80 >>',
  );
  return composite(objects, { name, encoding, descriptor, ordering, entries: '/DW 1000' });
}

function embed(objects: Objects, font: TrueTypeFont, characters: string[]): string {
  const glyphs = characters.map((character) => font.glyph(character));
  const { unitsPerEm, ascent, descent, bbox } = font.metrics;
  const perMille = (value: number) => Math.round((value * 1000) / unitsPerEm);
  const file = font.subset(glyphs);
  const descriptor = objects.add(
    `<< /Type /FontDescriptor /FontName /ABCDEF+Embedded /Flags 4 /FontBBox [${bbox.map(perMille).join(' ')}] ` +
      `/ItalicAngle 0 /Ascent ${perMille(ascent)} /Descent ${perMille(descent)} /CapHeight 700 /StemV 80 ` +
      `/FontFile2 ${objects.stream(file, `/Length1 ${file.length}`)} >>`,
  );
  const widths = glyphs.map((glyph) => `${glyph} [${perMille(font.advance(glyph))}]`).join(' ');
  return composite(objects, {
    ...{ name: 'ABCDEF+Embedded', encoding: 'Identity-H', descriptor, ordering: 'Identity' },
    entries: `/CIDToGIDMap /Identity /W [${widths}]`,
  });
}

function composite(objects: Objects, font: Record<'name' | 'encoding' | 'descriptor' | 'ordering' | 'entries', string>) {
  const descendant = objects.add(
    `<< /Type /Font /Subtype /CIDFontType2 /BaseFont /${font.name} /FontDescriptor ${font.descriptor} ` +
      `/CIDSystemInfo << /Registry (Adobe) /Ordering (${font.ordering}) /Supplement 0 >> ${font.entries} >>`,
  );
  return objects.add(
    `<< /Type /Font /Subtype /Type0 /BaseFont /${font.name}-${font.encoding} /Encoding /${font.encoding} ` +
      `/DescendantFonts [${descendant}] >>`,
  );
}

function encode(text: string, font: PdfFont): Buffer {
  if ('standard' in font) return Buffer.from(text, 'latin1');
  if ('embedded' in font) {
    const trueType = new TrueTypeFont(font.embedded);
    return twoByteCodes([...text].map((character) => trueType.glyph(character)));
  }
  if (font.encoding === 'KSCms-UHC-H') return Buffer.concat([...text].map(uhc));
  return twoByteCodes(Array.from(text, (character) => character.charCodeAt(0)));
}

function twoByteCodes(codes: number[]): Buffer {
  const bytes = Buffer.alloc(2 * codes.length);
  codes.forEach((code, i) => bytes.writeUInt16BE(code, 2 * i));
  return bytes;
}

let uhcCodes: Map<string, Buffer> | undefined;

/** Unified Hangul Code, which the platform only decodes. */
function uhc(character: string): Buffer {
  if (uhcCodes === undefined) {
    uhcCodes = new Map();
    const decoder = new TextDecoder('euc-kr');
    for (let lead = 0x81; lead <= 0xfd; lead++) {
      for (let trail = 0x41; trail <= 0xfe; trail++) {
        const code = Buffer.of(lead, trail);
        uhcCodes.set(decoder.decode(code), code);
      }
    }
  }
  const code = character < '\x80' ? Buffer.from(character) : uhcCodes.get(character);
  if (code === undefined) throw new Error(`${character} is not in UHC`);
  return code;
}

export const koreanFont = (): Buffer => readFileSync(KOREAN_FONT);
