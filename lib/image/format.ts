/** Which decoder an image needs, told by its first bytes. Names and media types are not trusted. */

import { ImageDecodeError } from '../errors.js';

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif';

export const SUPPORTED_FORMATS = 'JPEG, PNG, WebP, GIF, TIFF and AVIF';

const AVIF_BRANDS = ['avif', 'avis'];

/** The format of a file that begins with `bytes`, or null for anything that is not decoded here (SVG, PDF, HEIC, text, …). */
export function sniffFormat(bytes: Uint8Array): ImageFormat | null {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  if (head.startsWith('RIFF') && head.startsWith('WEBP', 8)) return 'webp';
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((magic) => head.startsWith(magic))) return 'tiff';
  if (head.startsWith('ftyp', 4) && isAvif(head)) return 'avif';
  return null;
}

/** The format of an image. @throws {ImageDecodeError} naming the formats that are decoded */
export function requireFormat(bytes: Uint8Array): ImageFormat {
  const format = sniffFormat(bytes);
  if (format !== null) return format;
  if (isHtml(bytes)) {
    throw new ImageDecodeError(
      `The data is a web page, not an image. Use the address of the image itself, not of a page that shows it (${SUPPORTED_FORMATS}).`,
    );
  }
  const head = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  throw new ImageDecodeError(
    `The data is not an image of a supported format (it begins with ${head}). Use ${SUPPORTED_FORMATS}.`,
  );
}

function isHtml(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 512)).toString('utf8');
  return /^\s*<(?:!doctype\s+html|html|head|body)\b/i.test(head);
}

/** An ISO media file whose major or compatible brands (within the first 64 bytes) name AVIF. */
function isAvif(head: string): boolean {
  const boxSize = Math.min(Buffer.from(head, 'latin1').readUInt32BE(0), head.length);
  const brands = [head.slice(8, 12)];
  for (let at = 16; at + 4 <= boxSize; at += 4) brands.push(head.slice(at, at + 4));
  return brands.some((brand) => AVIF_BRANDS.includes(brand));
}
