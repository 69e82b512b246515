import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { type DecodeOptions, decodeImage, type ImageSource } from '../../lib/image/decode.js';
import { SUPPORTED_FORMATS } from '../../lib/image/format.js';
import { pngFile } from '../support/png.js';

const folder = mkdtempSync(join(tmpdir(), 'bllossom-decode-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** 3 x 2: red, green, blue / black, white, grey */
const PIXELS = Buffer.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 90, 90, 90]);
const image = () => sharp(PIXELS, { raw: { width: 3, height: 2, channels: 3 } });
const PNG = await image().png().toBuffer();
const flat = (background: string, channels: 3 | 4 = 3) =>
  sharp({ create: { width: 32, height: 24, channels, background } });
const pixels = async (source: ImageSource, options?: DecodeOptions) => [...(await decodeImage(source, options)).rgb];
const firstPixel = async (source: ImageSource) => [...(await decodeImage(source)).rgb.subarray(0, 3)];

describe('sources', () => {
  const path = write('image.png', PNG);
  const view = new Uint8Array(new ArrayBuffer(PNG.length + 7), 5, PNG.length);
  view.set(PNG);
  const shared = new SharedArrayBuffer(PNG.length);
  new Uint8Array(shared).set(PNG);
  test.each<[string, ImageSource]>([
    ['a path', path],
    ['a path without the right extension', write('image.jpg', PNG)],
    ['a file: URL', pathToFileURL(path)],
    ['a file: URL as text', pathToFileURL(path).href],
    ['a Buffer', PNG],
    ['a Uint8Array with an offset', view],
    ['a DataView', new DataView(view.buffer, 5, PNG.length)],
    ['an ArrayBuffer', Uint8Array.from(PNG).buffer],
    ['a SharedArrayBuffer', shared],
    ['a Blob', new Blob([Uint8Array.from(PNG)])],
    ['a File', new File([Uint8Array.from(PNG)], 'x.bin')],
    ['a data URL', `data:image/png;base64,${PNG.toString('base64')}`],
    ['a data URL in lines', `data:image/png;base64,${PNG.toString('base64').replace(/.{20}/g, '$&\r\n')}`],
    ['a data URL, escaped', `data:image/png;base64,${encodeURIComponent(PNG.toString('base64'))}`],
    ['a data URL of base64url', `data:image/png;base64,${PNG.toString('base64url')}`],
    ['a data URL with parameters', `data:image/png;name=a.png;base64,${PNG.toString('base64')}`],
    ['a data URL object', new URL(`data:image/png;base64,${PNG.toString('base64')}`)],
    ['a sharp instance', sharp(PNG)],
    ['a sharp pipeline on raw pixels', image()],
  ])('takes %s', async (_, source) => {
    const { rgb, width, height } = await decodeImage(source);
    expect({ width, height, rgb: [...rgb] }).toEqual({ width: 3, height: 2, rgb: [...PIXELS] });
  });

  test('takes the output of a sharp pipeline and leaves the instance usable', async () => {
    const pipeline = sharp(PNG).extract({ left: 1, top: 0, width: 1, height: 1 });
    expect(await pixels(pipeline)).toEqual([0, 255, 0]);
    expect(await pixels(pipeline)).toEqual([0, 255, 0]);
  });

  test('reads its own copy of the bytes', async () => {
    const bytes = Uint8Array.from(PNG);
    const decoded = pixels(bytes);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(await decoded).toEqual([...PIXELS]);
  });

  test('fetches http(s) URLs through the given function only', async () => {
    const seen: string[] = [];
    const { signal } = new AbortController();
    const fetchUrl = async (url: URL, _maxBytes: number, given?: AbortSignal) => {
      expect(given).toBe(signal);
      seen.push(url.href);
      return PNG;
    };
    expect(await pixels('https://example.com/a.png', { fetchUrl, signal })).toEqual([...PIXELS]);
    expect(await pixels(new URL('http://example.com/b'), { fetchUrl, signal })).toEqual([...PIXELS]);
    expect(seen).toEqual(['https://example.com/a.png', 'http://example.com/b']);
  });

  test.each<[string, unknown]>([
    ...[
      undefined,
      null,
      0,
      1,
      NaN,
      true,
      {},
      [],
      [1, 2],
      () => PNG,
      Symbol('x'),
      3n,
      new Date(),
      Promise.resolve(PNG),
    ].map((value): [string, unknown] => [typeof value, value]),
    ['an empty path', ''],
    ['a path with NUL', 'a\0b.png'],
    ['an http URL without a fetcher', 'http://example.com/a.png'],
    ['an https URL without a fetcher', new URL('https://example.com/a.png')],
    ['an ftp URL', new URL('ftp://example.com/a.png')],
    ['an ftp URL as text', 'ftp://example.com/a.png'],
    ['a file: URL of another host', 'file://example.com/a.png'],
    ['a broken URL', 'http://[/'],
  ])('refuses %s as misuse', async (_, source) => {
    await expect(decodeImage(source as ImageSource)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  test.each<[string, ImageSource, string]>([
    ['a missing file', join(folder, 'none.png'), 'ERR_IO'],
    ['a folder', folder, 'ERR_IO'],
    ['an endless device', '/dev/zero', 'ERR_IO'],
    ['an empty file', write('empty.png', ''), 'ERR_IMAGE_DECODE'],
    ['an empty Buffer', Buffer.alloc(0), 'ERR_IMAGE_DECODE'],
    ['an empty Blob', new Blob([]), 'ERR_IMAGE_DECODE'],
    ['an empty data URL', 'data:image/png;base64,', 'ERR_IMAGE_DECODE'],
    ['a data URL of text', 'data:text/plain;base64,aGVsbG8=', 'ERR_IMAGE_DECODE'],
    ['a data URL that is not base64', 'data:image/png,abc', 'ERR_IMAGE_DECODE'],
    ['a data URL of rubbish', 'data:image/png;base64,!!!!', 'ERR_IMAGE_DECODE'],
  ])('refuses %s', async (_, source, code) => {
    await expect(decodeImage(source)).rejects.toMatchObject({ code });
  });

  const base64 = PNG.toString('base64').replace(/=+$/, '');
  test.each([
    ['!!!!', /"!" at character 0/],
    [`${base64.slice(0, 10)}*${base64.slice(10)}`, /"\*" at character 10/],
    [`${base64.slice(0, 8)}=${base64.slice(8)}`, /"=" at character 8/],
    [`${base64}===`, /"=" at character/],
    [`${base64}한`, /"한" at character/],
    ['A', /one character too many or three too few/],
    ['iVBORw0KG', /one character too many or three too few/],
    ['iVBO%', /"%" that escapes nothing/],
    ['iVBO%FF', /"%" that escapes nothing/],
  ])('says that the base64 of a data URL is malformed: %s', async (data, what) => {
    const error = await decodeImage(`data:image/png;base64,${data}`).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: 'ERR_IMAGE_DECODE' });
    expect((error as Error).message).toMatch(/^The base64 of the data URL is malformed: .* Encode the bytes/);
    expect((error as Error).message).toMatch(what);
  });

  test.each(['<!DOCTYPE html><html></html>', '\n  <HTML lang="ko">', '\ufeff<!doctype  html>', '<head><title>'])(
    'says that %j is a web page',
    async (page) => {
      await expect(decodeImage(Buffer.from(page))).rejects.toMatchObject({
        code: 'ERR_IMAGE_DECODE',
        message: expect.stringMatching(/web page, not an image\. Use the address of the image itself/),
      });
    },
  );
});

describe('formats', () => {
  const lossless: [string, () => Promise<Buffer>][] = [
    ['PNG', () => image().png().toBuffer()],
    ['PNG with palette', () => image().png({ palette: true }).toBuffer()],
    ['interlaced PNG', () => image().png({ progressive: true }).toBuffer()],
    ['16-bit RGB PNG', () => image().toColourspace('rgb16').png().toBuffer()],
    ['WebP', () => image().webp({ lossless: true }).toBuffer()],
    ['GIF', () => image().gif().toBuffer()],
    ['TIFF', () => image().tiff({ compression: 'lzw' }).toBuffer()],
    ['BigTIFF', () => image().tiff({ compression: 'none', bigtiff: true }).toBuffer()],
  ];
  test.each(lossless)('decodes %s', async (_, make) => {
    expect(await pixels(await make())).toEqual([...PIXELS]);
  });

  test.each<[string, () => Promise<Buffer>]>([
    ['JPEG', () => flat('#2060c0').jpeg({ quality: 100 }).toBuffer()],
    ['progressive JPEG', () => flat('#2060c0').jpeg({ quality: 100, progressive: true }).toBuffer()],
    ['AVIF', () => flat('#2060c0').avif({ quality: 100, effort: 0 }).toBuffer()],
    ['lossy WebP', () => flat('#2060c0').webp({ quality: 100 }).toBuffer()],
  ])('decodes %s within 3 of 255', async (_, make) => {
    const found = await firstPixel(await make());
    for (const [channel, expected] of [0x20, 0x60, 0xc0].entries()) {
      expect(Math.abs((found[channel] as number) - expected)).toBeLessThanOrEqual(3);
    }
  });

  test.each(['gif', 'webp', 'tiff'] as const)('takes the first frame or page of a %s', async (format) => {
    const frames = await Promise.all(['#ff0000', '#00ff00'].map((colour) => flat(colour).png().toBuffer()));
    const joined = await sharp(frames, { join: { animated: true } })
      .toFormat(format, format === 'tiff' ? { compression: 'lzw' } : { lossless: true })
      .toBuffer();
    expect(await sharp(joined).metadata()).toMatchObject({ pages: 2 });
    expect(await decodeImage(joined)).toMatchObject({ width: 32, height: 24 });
    expect(await firstPixel(joined)).toEqual([255, 0, 0]);
  });

  test.each<[string, Buffer]>([
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ['SVG behind an XML header', Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['PDF', Buffer.from('%PDF-1.7\n1 0 obj')],
    ['BMP', Buffer.from('BM6\0\0\0\0\0\0\0')],
    ['HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')],
    ['a vips file', Buffer.from('08f2a6b600000000', 'hex')],
    ['a raw PPM', Buffer.from('P6 1 1 255\nabc')],
    ['an ICO', Buffer.from('00000100010010', 'hex')],
    ['a zip', Buffer.from('PK\x03\x04')],
    ['a gzip', Buffer.from('1f8b0800', 'hex')],
    ['a GGUF', Buffer.from('GGUF\x03\0\0\0')],
    ['text', Buffer.from('hello')],
    ['one byte', Buffer.from([0xff])],
  ])('refuses %s and says which formats work', async (_, bytes) => {
    await expect(decodeImage(bytes)).rejects.toMatchObject({
      name: 'ImageDecodeError',
      code: 'ERR_IMAGE_DECODE',
      message: expect.stringContaining(SUPPORTED_FORMATS),
    });
  });

  test.each(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const)('refuses half of a %s', async (format) => {
    const whole = await sharp({
      create: {
        width: 200,
        height: 200,
        channels: 3,
        background: '#808080',
        noise: { type: 'gaussian', mean: 128, sigma: 40 },
      },
    })
      .toFormat(format)
      .toBuffer();
    await expect(decodeImage(whole.subarray(0, whole.length >> 1))).rejects.toMatchObject({ code: 'ERR_IMAGE_DECODE' });
  });
});

describe('samples, as Pillow reads them', () => {
  test('composites every alpha on white, rounded as alpha_composite rounds', async () => {
    const raw = Buffer.alloc(256 * 256 * 4);
    for (let i = 0; i < 65_536; i++) raw.set([i >> 8, 255 - (i >> 8), 7, i & 255], i * 4);
    const png = await sharp(raw, { raw: { width: 256, height: 256, channels: 4 } })
      .png()
      .toBuffer();
    const { rgb } = await decodeImage(png);
    const worst = Math.max(
      ...Array.from({ length: 65_536 }, (_, i) => {
        const [value, alpha] = [i >> 8, i & 255];
        return Math.abs((rgb[i * 3] as number) - Math.round((value * alpha + 255 * (255 - alpha)) / 255));
      }),
    );
    expect(worst).toBe(0);
  });

  // samples of one pixel, bits, PNG colour type, chunks before the data, expected
  test.each<[string, number[], 8 | 16, number, [string, number[]][], number[]]>([
    ['grey', [77], 8, 0, [], [77, 77, 77]],
    ['grey and alpha', [0, 51], 8, 4, [], [204, 204, 204]],
    ['grey with a transparent value', [77], 8, 0, [['tRNS', [0, 77]]], [255, 255, 255]],
    ['RGB with a transparent colour', [1, 2, 3], 8, 2, [['tRNS', [0, 1, 0, 2, 0, 3]]], [255, 255, 255]],
    ['palette', [1], 8, 3, [['PLTE', [9, 9, 9, 10, 20, 30]]], [10, 20, 30]],
    [
      'palette with alpha',
      [1],
      8,
      3,
      [
        ['PLTE', [9, 9, 9, 0, 0, 0]],
        ['tRNS', [255, 102]],
      ],
      [153, 153, 153],
    ],
    ['16-bit RGB by its high bytes', [0x12ff, 0x3400, 0x5680], 16, 2, [], [0x12, 0x34, 0x56]],
    ['16-bit RGBA by its high bytes', [0x1200, 0x3400, 0x5600, 0xffff], 16, 6, [], [0x12, 0x34, 0x56]],
    ['16-bit grey and alpha by its high bytes', [0x4000, 0xff00], 16, 4, [], [0x40, 0x40, 0x40]],
    ['16-bit grey clamped, low', [200], 16, 0, [], [200, 200, 200]],
    ['16-bit grey clamped, high', [256], 16, 0, [], [255, 255, 255]],
    ['16-bit grey with a transparent value', [9], 16, 0, [['tRNS', [0, 9]]], [255, 255, 255]],
    ['linear gamma, ignored', [10, 20, 30], 8, 2, [['gAMA', [0, 1, 0x86, 0xa0]]], [10, 20, 30]],
  ])('reads %s', async (_, samples, bits, colourType, chunks, expected) => {
    const extra = chunks.map(([type, data]) => ({ type, data: Buffer.from(data) }));
    expect(await pixels(pngFile(1, 1, bits, colourType, samples, extra))).toEqual(expected);
  });

  test('reads CMYK without colour management', async () => {
    const raw = Buffer.from([0, 0, 0, 0, 255, 0, 0, 0, 0, 128, 0, 51, 10, 20, 30, 255]);
    const tiff = await sharp(raw, { raw: { width: 4, height: 1, channels: 4 } })
      .tiff({ compression: 'none' })
      .toBuffer();
    // PhotometricInterpretation 2 (RGB) with an extra sample becomes 5 (separated) without.
    const photometric = tiff.indexOf(Buffer.from('0601030001000000', 'hex'));
    tiff.writeUInt16LE(5, photometric + 8);
    const extraSamples = tiff.indexOf(Buffer.from('5201030001000000', 'hex'));
    if (extraSamples >= 0) tiff.writeUInt16LE(0x8001, extraSamples);
    expect(await sharp(tiff).metadata()).toMatchObject({ space: 'cmyk' });
    expect(await pixels(tiff)).toEqual([255, 255, 255, 0, 255, 255, 204, 102, 204, 0, 0, 0]);
  });

  test('ignores colour profiles', async () => {
    const png = await image().withIccProfile('p3').png().toBuffer();
    const stored = [...(await sharp(png, { ignoreIcc: true }).raw().toBuffer())];
    expect(stored).not.toEqual([...PIXELS]);
    expect(await pixels(png)).toEqual(stored);
  });

  const A = [1, 1, 1];
  const B = [2, 2, 2];
  const C = [3, 3, 3];
  const D = [4, 4, 4];
  const E = [5, 5, 5];
  const F = [6, 6, 6];
  test.each<[number, number, number, number[][]]>([
    [1, 3, 2, [A, B, C, D, E, F]],
    [2, 3, 2, [C, B, A, F, E, D]],
    [3, 3, 2, [F, E, D, C, B, A]],
    [4, 3, 2, [D, E, F, A, B, C]],
    [5, 2, 3, [A, D, B, E, C, F]],
    [6, 2, 3, [D, A, E, B, F, C]],
    [7, 2, 3, [F, C, E, B, D, A]],
    [8, 2, 3, [C, F, B, E, A, D]],
  ])('turns EXIF orientation %i upright', async (orientation, width, height, expected) => {
    const raw = Buffer.from([A, B, C, D, E, F].flat());
    const source = sharp(raw, { raw: { width: 3, height: 2, channels: 3 } }).withMetadata({ orientation });
    for (const bytes of [
      await source.clone().png().toBuffer(),
      await source.clone().webp({ lossless: true }).toBuffer(),
      await source.clone().tiff({ compression: 'none' }).toBuffer(),
    ]) {
      expect(await decodeImage(bytes)).toMatchObject({ width, height });
      expect(await pixels(bytes)).toEqual(expected.flat());
    }
  });
});
