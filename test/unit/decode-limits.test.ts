import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { type DecodeOptions, decodeImage, type ImageSource } from '../../lib/image/decode.js';
import { patient } from '../support/patience.js';
import { pngFile } from '../support/png.js';

const folder = mkdtempSync(join(tmpdir(), 'bllossom-limits-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** 3 x 2 */
const PIXELS = Buffer.from(Array.from({ length: 18 }, (_, i) => i * 13));
const PNG = await sharp(PIXELS, { raw: { width: 3, height: 2, channels: 3 } })
  .png()
  .toBuffer();
const flat = (background: string) => sharp({ create: { width: 32, height: 24, channels: 3, background } });
const pixels = async (source: ImageSource, options?: DecodeOptions) => [...(await decodeImage(source, options)).rgb];

describe('limits', () => {
  test.each<[string, Partial<DecodeOptions['limits'] & object>]>([
    ['bytes', { maxBytes: PNG.length - 1 }],
    ['pixels', { maxPixels: 5 }],
    ['one side', { maxSide: 2 }],
  ])('refuses an image over the limit of %s', async (_, limits) => {
    const path = write('limit.png', PNG);
    const data = `data:image/png;base64,${PNG.toString('base64')}`;
    for (const source of [PNG, path, data, new Blob([Uint8Array.from(PNG)]), Uint8Array.from(PNG).buffer]) {
      await expect(decodeImage(source, { limits })).rejects.toMatchObject({
        name: 'ImageLimitError',
        code: 'ERR_IMAGE_LIMIT',
      });
    }
  });

  test('accepts an image exactly at the limits', async () => {
    expect(await pixels(PNG, { limits: { maxBytes: PNG.length, maxPixels: 6, maxSide: 3 } })).toEqual([...PIXELS]);
  });

  test('holds a sharp pipeline to the limits, before and after its operations', async () => {
    await expect(decodeImage(sharp(PNG), { limits: { maxPixels: 5 } })).rejects.toMatchObject({
      code: 'ERR_IMAGE_LIMIT',
    });
    const enlarging = sharp(PNG).resize(30, 20);
    await expect(decodeImage(enlarging, { limits: { maxPixels: 100 } })).rejects.toMatchObject({
      code: 'ERR_IMAGE_LIMIT',
    });
  });

  test('does not wait for ever for a sharp pipeline whose stream never comes', async () => {
    await expect(decodeImage(sharp(), { limits: { maxSeconds: 0.05 } })).rejects.toMatchObject({
      code: 'ERR_IMAGE_LIMIT',
    });
  });

  test('takes a sharp pipeline that is fed by a stream', async () => {
    const pipeline = sharp();
    const decoded = pixels(pipeline);
    pipeline.end(PNG);
    expect(await decoded).toEqual([...PIXELS]);
  });

  /** A PNG header of any size with a little of its data. */
  const pngBomb = (width: number, height: number) =>
    pngFile(width, height, 8, 2, [], [{ type: 'IDAT', data: deflateSync(Buffer.alloc(1 << 20), { level: 9 }) }]);
  const webpHeader = (width: number, height: number) => {
    const bytes = Buffer.from('RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\0\0\0\0\0\0\0\0\0\0', 'latin1');
    bytes.writeUInt32LE((width - 1) | ((height - 1) << 14), 21);
    return bytes;
  };
  const gifHeader = (width: number, height: number) => {
    const bytes = Buffer.from('GIF89a\0\0\0\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\0\0\0\0\0\x02\x02D\x01\0;', 'latin1');
    for (const at of [6, 24]) bytes.writeUInt16LE(width, at);
    for (const at of [8, 26]) bytes.writeUInt16LE(height, at);
    return bytes;
  };
  test.each<[string, () => Promise<Buffer> | Buffer]>([
    ['a PNG of 17,000²', () => pngBomb(17_000, 17_000)],
    [
      'a whole PNG of 17,000²',
      () =>
        sharp({ create: { width: 17_000, height: 17_000, channels: 3, background: '#000' }, limitInputPixels: false })
          .png({ compressionLevel: 1 })
          .toBuffer(),
    ],
    ['a PNG of 64 megapixels and one line', () => pngBomb(8000, 8001)],
    ['a PNG with the longest side', () => pngBomb(65_536, 1)],
    ['a PNG of 2³¹ - 1 squared', () => pngBomb(0x7fffffff, 0x7fffffff)],
    ['a WebP of 16,383²', () => webpHeader(16_383, 16_383)],
    ['a GIF of 65,535²', () => gifHeader(65_535, 65_535)],
    [
      'a JPEG of 16,383²',
      async () => {
        const jpeg = await flat('#123456').jpeg().toBuffer();
        const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
        jpeg.writeUInt16BE(16_383, frame + 5);
        jpeg.writeUInt16BE(16_383, frame + 7);
        return jpeg;
      },
    ],
    [
      'a TIFF of 60,000²',
      async () => {
        const tiff = await flat('#123456').tiff({ compression: 'deflate' }).toBuffer();
        for (const [tag, old] of [
          ['0001', 32],
          ['0101', 24],
        ] as const) {
          const at = [3, 4]
            .map((type) => tiff.indexOf(Buffer.from(`${tag}0${type}0001000000`, 'hex')))
            .find((found) => found >= 0) as number;
          expect(tiff.readUInt16LE(at + 8)).toBe(old);
          tiff.writeUInt16LE(60_000, at + 8);
        }
        return tiff;
      },
    ],
    ['a file of 64 MiB and a byte', () => Buffer.concat([PNG, Buffer.alloc(64 * 1024 * 1024 + 1 - PNG.length)])],
  ])('refuses %s within 500 ms and 100 MB', async (_, make) => {
    const bytes = await make();
    const rss = process.memoryUsage.rss();
    const start = performance.now();
    await expect(decodeImage(bytes)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_IMAGE_(LIMIT|DECODE)$/),
    });
    expect(performance.now() - start).toBeLessThan(patient(500));
    expect(process.memoryUsage.rss() - rss).toBeLessThan(100e6);
  });

  test('reads only the first of ten thousand frames', async () => {
    const one = gifHeader(1, 1);
    const frame = one.subarray(19, -1);
    const gif = Buffer.concat([one.subarray(0, -1), ...Array.from({ length: 9_999 }, () => frame), Buffer.from(';')]);
    expect(await sharp(gif).metadata()).toMatchObject({ pages: 10_000 });
    const start = performance.now();
    expect(await decodeImage(gif)).toMatchObject({ width: 1, height: 1 });
    expect(performance.now() - start).toBeLessThan(patient(500));
  });
});
