/** Everything that may stand for an image, turned into encoded bytes of our own (the caller's may change meanwhile). */

import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { ImageDecodeError, ImageLimitError, InvalidArgumentError, IoError } from '../errors.js';

/** A file path; a `file:` or `data:` URL; the bytes of an image file. */
export type EncodedSource = string | URL | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | Blob;

/** How http(s) URLs are read; without it they are refused. It must enforce `maxBytes` and check addresses itself. */
export type UrlFetcher = (url: URL, maxBytes: number) => Promise<Uint8Array>;

/**
 * @throws {InvalidArgumentError} for a value of another kind, or an http(s) URL without a fetcher
 * @throws {IoError} for a file that cannot be read
 * @throws {ImageLimitError} above `maxBytes`
 * @throws {ImageDecodeError} for no bytes at all, or a malformed data URL
 */
export async function readSource(source: EncodedSource, maxBytes: number, fetchUrl?: UrlFetcher): Promise<Buffer> {
  const bytes = await readAny(source, maxBytes, fetchUrl);
  if (bytes.length === 0) throw new ImageDecodeError('The image is empty: 0 bytes. Pass a whole image file.');
  checkBytes(bytes.length, maxBytes);
  return bytes;
}

async function readAny(source: EncodedSource, maxBytes: number, fetchUrl?: UrlFetcher): Promise<Buffer> {
  if (source instanceof URL) return readUrl(source, maxBytes, fetchUrl);
  if (typeof source === 'string') {
    const scheme = /^(data|file|https?):/i.exec(source)?.[1]?.toLowerCase();
    if (scheme === 'data') return readDataUrl(source, maxBytes);
    return scheme === undefined ? readFileBytes(source, maxBytes) : readUrl(parseUrl(source), maxBytes, fetchUrl);
  }
  if (ArrayBuffer.isView(source)) {
    checkBytes(source.byteLength, maxBytes);
    return Buffer.from(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  if (source instanceof ArrayBuffer || source instanceof SharedArrayBuffer) {
    checkBytes(source.byteLength, maxBytes);
    return Buffer.from(new Uint8Array(source));
  }
  if (source instanceof Blob) {
    checkBytes(source.size, maxBytes);
    return Buffer.from(await source.arrayBuffer());
  }
  throw new InvalidArgumentError(
    `Expected a file path, URL, data URL, Buffer, Uint8Array, ArrayBuffer, Blob or sharp instance for image but received ${describe(source)}`,
  );
}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? `an object (${value.constructor?.name ?? 'no class'})`
    : String(value);
}

function checkBytes(length: number, maxBytes: number): void {
  if (length > maxBytes) {
    throw new ImageLimitError(
      `The image has ${length} bytes; the limit is ${maxBytes}. Pass a smaller or stronger compressed file.`,
    );
  }
}

function parseUrl(text: string): URL {
  if (URL.canParse(text)) return new URL(text);
  throw new InvalidArgumentError(`Expected a URL for image but received ${JSON.stringify(text.slice(0, 80))}`);
}

async function readUrl(url: URL, maxBytes: number, fetchUrl?: UrlFetcher): Promise<Buffer> {
  if (url.protocol === 'data:') return readDataUrl(url.href, maxBytes);
  if (url.protocol === 'file:') return readFileBytes(filePath(url), maxBytes);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InvalidArgumentError(`Expected an http, https, file or data URL for image but received ${url.protocol}`);
  }
  if (fetchUrl === undefined) {
    throw new InvalidArgumentError(
      'Images are not fetched from http(s) URLs here. Download the file and pass its path or its bytes.',
    );
  }
  return Buffer.from(await fetchUrl(url, maxBytes));
}

function filePath(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new InvalidArgumentError(`Expected a local file: URL for image but received ${url.href.slice(0, 80)}`, {
      cause,
    });
  }
}

const DATA_URL_HEADER = /^data:(image\/[\w.+-]+)?(;[\w.+-]+=[^;,]*)*;base64,/i;

function readDataUrl(url: string, maxBytes: number): Buffer {
  const header = DATA_URL_HEADER.exec(url.slice(0, 256))?.[0];
  if (header === undefined) {
    throw new ImageDecodeError('The data URL is not base64 of an image. Expected "data:image/<type>;base64,<data>".');
  }
  const characters = url.length - header.length;
  checkBytes(Math.floor((characters / 4) * 3) - 2, maxBytes);
  return Buffer.from(url.slice(header.length), 'base64');
}

async function readFileBytes(path: string, maxBytes: number): Promise<Buffer> {
  if (path === '' || path.includes('\0')) {
    throw new InvalidArgumentError(`Expected a file path for image but received ${JSON.stringify(path.slice(0, 80))}`);
  }
  try {
    const info = await stat(path); // before opening: a pipe would block, a device never ends
    if (!info.isFile()) throw new Error('it is not a regular file');
    checkBytes(info.size, maxBytes);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof ImageLimitError) throw cause;
    throw new IoError(`The image file ${path.slice(0, 200)} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
