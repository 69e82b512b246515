/** Writes small PDF files: pages of text in Korean fonts that are in the file or only named. */

import { createHash } from 'node:crypto';
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
  /** What the filter of the content stream is called; the stream itself is plain. */
  filter?: string;
  /** A picture over the whole page. */
  picture?: { data: Buffer; width: number; height: number; filter: string };
  /** Replaces the page object. */
  raw?: string;
  /** More entries of the page. */
  entries?: string;
}

export const A4: [number, number] = [595, 842];

interface PdfObject {
  /** The object, or the entries of the dictionary of a stream. */
  body: string;
  data?: Buffer;
}

class Objects {
  readonly #objects: PdfObject[] = [];
  readonly #fonts = new Map<string, string>();

  add(body: string): string {
    return this.#push({ body });
  }

  /** A font that holds no glyphs of its text is the same for every text. */
  shared(font: PdfFont, text: string, write: () => string): string {
    const key = JSON.stringify('embedded' in font ? ['embedded', text] : font);
    const known = this.#fonts.get(key) ?? write();
    this.#fonts.set(key, known);
    return known;
  }

  reserve(): { reference: string; set(body: string): void } {
    const object: PdfObject = { body: 'null' };
    const reference = this.#push(object);
    return {
      reference,
      set: (body) => {
        object.body = body;
      },
    };
  }

  stream(data: Buffer, entries = ''): string {
    return this.rawStream(deflateSync(data), `/Filter /FlateDecode ${entries}`);
  }

  rawStream(data: Buffer, entries: string): string {
    return this.#push({ body: entries, data });
  }

  #push(object: PdfObject): string {
    this.#objects.push(object);
    return `${this.#objects.length} 0 R`;
  }

  file(catalog: string, encryption?: Encryption): Buffer {
    const parts = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')];
    let length = (parts[0] as Buffer).length;
    const offsets = this.#objects.map(({ body, data }, i) => {
      const offset = length;
      const stream = data && encryption ? encryption.stream(i + 1, data) : data;
      const text = stream ? `<< /Length ${stream.length} ${body} >>\nstream\n` : body;
      const end = stream ? '\nendstream' : '';
      const all = [`${i + 1} 0 obj\n${text}`, stream ?? '', `${end}\nendobj\n`];
      const part = Buffer.concat(all.map((piece) => Buffer.from(piece as string, 'latin1')));
      parts.push(part);
      length += part.length;
      return offset;
    });
    const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
    const size = offsets.length + 1;
    const trailer = `<< /Size ${size} /Root ${catalog} ${encryption?.trailer ?? ''} >>`;
    const end = `xref\n0 ${size}\n0000000000 65535 f \n${rows}trailer\n${trailer}\nstartxref\n${length}\n%%EOF\n`;
    return Buffer.concat([...parts, Buffer.from(end)]);
  }
}

/** The oldest security handler of PDF (revision 2: RC4 with 40 bits); strings in dictionaries stay as they are. */
class Encryption {
  readonly trailer: string;
  readonly #key: Buffer;

  constructor(password: string) {
    const id = Buffer.from('0123456789abcdef');
    const permissions = Buffer.from('fcffffff', 'hex'); // -4: everything is allowed
    const owner = rc4(md5(padded('owner')).subarray(0, 5), padded(password));
    this.#key = md5(padded(password), owner, permissions, id).subarray(0, 5);
    const user = rc4(this.#key, padded(''));
    const hex = (bytes: Buffer) => `<${bytes.toString('hex')}>`;
    this.trailer =
      `/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O ${hex(owner)} /U ${hex(user)} >> ` +
      `/ID [${hex(id)} ${hex(id)}]`;
  }

  stream(object: number, data: Buffer): Buffer {
    const number = Buffer.of(object, object >> 8, object >> 16, 0, 0);
    return rc4(md5(this.#key, number).subarray(0, 10), data);
  }
}

const PADDING = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex');
const padded = (password: string) => Buffer.concat([Buffer.from(password), PADDING]).subarray(0, 32);
const md5 = (...parts: Buffer[]) => createHash('md5').update(Buffer.concat(parts)).digest();

function rc4(key: Buffer, data: Buffer): Buffer {
  const state = Array.from({ length: 256 }, (_, i) => i);
  const swap = (i: number, j: number) => ([state[i], state[j]] = [state[j] as number, state[i] as number]);
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + (state[i] as number) + (key[i % key.length] as number)) & 255;
    swap(i, j);
  }
  let [i, j] = [0, 0];
  return data.map((byte) => {
    i = (i + 1) & 255;
    j = (j + (state[i] as number)) & 255;
    swap(i, j);
    return byte ^ (state[((state[i] as number) + (state[j] as number)) & 255] as number);
  }) as Buffer;
}

export interface PdfFile {
  /** Encrypts the streams. */
  password?: string;
  /** The number of pages that the file claims. */
  count?: number;
  /** More entries of the catalog. */
  catalog?: string;
}

export function writePdf(pages: PdfPage[], { password, count = pages.length, catalog = '' }: PdfFile = {}): Buffer {
  const objects = new Objects();
  const tree = objects.reserve();
  const kids = pages.map((page) => writePage(objects, tree.reference, page));
  tree.set(`<< /Type /Pages /Kids [${kids.join(' ')}] /Count ${count} >>`);
  const root = objects.add(`<< /Type /Catalog /Pages ${tree.reference} ${catalog} >>`);
  return objects.file(root, password === undefined ? undefined : new Encryption(password));
}

/** Pages with one line of text each. */
export const textPdf = (font: PdfFont, ...texts: string[]): Buffer =>
  writePdf(texts.map((text) => ({ texts: [{ text, font }] })));

function writePage(objects: Objects, parent: string, page: PdfPage): string {
  if (page.raw !== undefined) return objects.add(page.raw);
  const { texts = [], size = A4, content = '', filter, picture, entries = '' } = page;
  const image = picture && writePicture(objects, picture);
  const painted = image === undefined ? '' : `q ${size[0]} 0 0 ${size[1]} 0 0 cm /Picture Do Q`;
  const fonts = texts.map(
    ({ text, font }, i) => `/F${i} ${objects.shared(font, text, () => writeFont(objects, font, text))}`,
  );
  const shown = texts.map(({ text, font, size: points = 36, at = [60, 700] }, i) => {
    return `BT /F${i} ${points} Tf ${at[0]} ${at[1]} Td <${encode(text, font).toString('hex')}> Tj ET\n`;
  });
  const data = Buffer.concat([
    Buffer.from(content as string, 'latin1'),
    Buffer.from(`\n${painted}\n${shown.join('')}`),
  ]);
  const stream = filter === undefined ? objects.stream(data) : objects.rawStream(data, `/Filter /${filter}`);
  return objects.add(
    `<< /Type /Page /Parent ${parent} /MediaBox [0 0 ${size.join(' ')}] /Contents ${stream} ` +
      `/Resources << /Font << ${fonts.join(' ')} >> /XObject << ${image ? `/Picture ${image}` : ''} >> >> ${entries} >>`,
  );
}

function writePicture(objects: Objects, { data, width, height, filter }: NonNullable<PdfPage['picture']>): string {
  const entries = `/Width ${width} /Height ${height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /${filter}`;
  return objects.rawStream(data, `/Type /XObject /Subtype /Image ${entries}`);
}

function writeFont(objects: Objects, font: PdfFont, text: string): string {
  if ('standard' in font) return objects.add(`<< /Type /Font /Subtype /Type1 /BaseFont /${font.standard} >>`);
  if ('embedded' in font) return embed(objects, new TrueTypeFont(font.embedded), [...new Set(text)]);
  const { name, encoding, ordering = 'Korea1' } = font;
  const descriptor = objects.add(
    `<< /Type /FontDescriptor /FontName /${name} /Flags 6 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 880 ` +
      '/Descent -120 /CapHeight 700 /StemV 80 >>',
  );
  return composite(objects, { name, encoding, descriptor, ordering, entries: '/DW 1000 /W [1 95 500]' });
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

function composite(
  objects: Objects,
  font: Record<'name' | 'encoding' | 'descriptor' | 'ordering' | 'entries', string>,
) {
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
  return Buffer.from(codes.flatMap((code) => [code >> 8, code & 0xff]));
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
