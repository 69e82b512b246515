/** Reads a TrueType font as far as a PDF that embeds a part of it needs. Every number is big-endian. */

export interface FontMetrics {
  unitsPerEm: number;
  ascent: number;
  descent: number;
  bbox: number[];
}

export class TrueTypeFont {
  readonly metrics: FontMetrics;
  readonly #file: Buffer;
  readonly #tables = new Map<string, Buffer>();
  readonly #glyphs = new Map<string, number>();

  constructor(file: Buffer) {
    this.#file = file;
    for (let i = 0; i < file.readUInt16BE(4); i++) {
      const entry = 12 + 16 * i;
      const [offset, length] = [file.readUInt32BE(entry + 8), file.readUInt32BE(entry + 12)];
      this.#tables.set(file.toString('latin1', entry, entry + 4), file.subarray(offset, offset + length));
    }
    const [head, hhea] = [this.table('head'), this.table('hhea')];
    this.metrics = {
      unitsPerEm: head.readUInt16BE(18),
      ascent: hhea.readInt16BE(4),
      descent: hhea.readInt16BE(6),
      bbox: [36, 38, 40, 42].map((at) => head.readInt16BE(at)),
    };
  }

  table(tag: string): Buffer {
    const table = this.#tables.get(tag);
    if (!table) throw new Error(`the font has no table ${tag}`);
    return table;
  }

  /** Index of the glyph of a character of the basic plane, by the cmap subtable of format 4. */
  glyph(character: string): number {
    const known = this.#glyphs.get(character);
    if (known !== undefined) return known;
    const glyph = lookUp(this.#unicodeMap(), character.codePointAt(0) as number);
    this.#glyphs.set(character, glyph);
    return glyph;
  }

  /** In units of the font. */
  advance(glyph: number): number {
    const count = this.table('hhea').readUInt16BE(34);
    return this.table('hmtx').readUInt16BE(4 * Math.min(glyph, count - 1));
  }

  /** The font with the outlines of these glyphs only; every glyph keeps its index. */
  subset(glyphs: Iterable<number>): Buffer {
    const kept = new Set([0, ...glyphs]);
    for (const glyph of kept) for (const part of this.#parts(glyph)) kept.add(part);
    const count = this.table('maxp').readUInt16BE(4);
    const loca = Buffer.alloc(4 * (count + 1));
    const outlines: Buffer[] = [];
    let length = 0;
    for (let glyph = 0; glyph < count; glyph++) {
      const outline = kept.has(glyph) ? this.#outline(glyph) : Buffer.alloc(0);
      const padding = Buffer.alloc((4 - (outline.length % 4)) % 4);
      outlines.push(outline, padding);
      length += outline.length + padding.length;
      loca.writeUInt32BE(length, 4 * (glyph + 1));
    }
    const head = Buffer.from(this.table('head'));
    head.writeInt16BE(1, 50); // offsets of 32 bits
    const same = ['hhea', 'hmtx', 'maxp'].map((tag): [string, Buffer] => [tag, this.table(tag)]);
    return writeTables([['glyf', Buffer.concat(outlines)], ['head', head], ...same, ['loca', loca]]);
  }

  #unicodeMap(): Buffer {
    const cmap = this.table('cmap');
    for (let i = 0; i < cmap.readUInt16BE(2); i++) {
      const subtable = cmap.subarray(cmap.readUInt32BE(4 + 8 * i + 4));
      if (subtable.readUInt16BE(0) === 4) return subtable;
    }
    throw new Error('the font has no cmap of format 4');
  }

  #outline(glyph: number): Buffer {
    const loca = this.table('loca');
    const long = this.table('head').readInt16BE(50) === 1;
    const offset = (i: number) => (long ? loca.readUInt32BE(4 * i) : 2 * loca.readUInt16BE(2 * i));
    return this.table('glyf').subarray(offset(glyph), offset(glyph + 1));
  }

  /** Glyphs that a composite glyph is made of. */
  #parts(glyph: number): number[] {
    const outline = this.#outline(glyph);
    if (outline.length === 0 || outline.readInt16BE(0) >= 0) return [];
    const parts: number[] = [];
    for (let at = 10, flags: number = MORE; flags & MORE; ) {
      flags = outline.readUInt16BE(at);
      parts.push(outline.readUInt16BE(at + 2));
      at += 4 + (flags & WORDS ? 4 : 2) + (flags & SCALE ? 2 : flags & SCALE_XY ? 4 : flags & MATRIX ? 8 : 0);
    }
    return parts;
  }

  get size(): number {
    return this.#file.length;
  }
}

const [WORDS, SCALE, MORE, SCALE_XY, MATRIX] = [0x1, 0x8, 0x20, 0x40, 0x80] as const;

function lookUp(map: Buffer, code: number): number {
  const segments = map.readUInt16BE(6) / 2;
  const [ends, starts] = [14, 16 + 2 * segments];
  const [deltas, ranges] = [starts + 2 * segments, starts + 4 * segments];
  for (let i = 0; i < segments; i++) {
    if (code > map.readUInt16BE(ends + 2 * i)) continue;
    const start = map.readUInt16BE(starts + 2 * i);
    if (code < start) return 0;
    const delta = map.readUInt16BE(deltas + 2 * i);
    const range = map.readUInt16BE(ranges + 2 * i);
    if (range === 0) return (code + delta) & 0xffff;
    const glyph = map.readUInt16BE(ranges + 2 * i + range + 2 * (code - start));
    return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
  }
  return 0;
}

function writeTables(tables: [tag: string, data: Buffer][]): Buffer {
  const header = Buffer.alloc(12 + 16 * tables.length);
  header.writeUInt32BE(0x0001_0000, 0);
  header.writeUInt16BE(tables.length, 4);
  const parts = [header];
  let offset = header.length;
  tables.forEach(([tag, data], i) => {
    header.write(tag, 12 + 16 * i, 'latin1');
    header.writeUInt32BE(offset, 12 + 16 * i + 8);
    header.writeUInt32BE(data.length, 12 + 16 * i + 12);
    const padded = Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
    parts.push(padded);
    offset += padded.length;
  });
  return Buffer.concat(parts);
}
