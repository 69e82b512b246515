/** Everything that may stand for an image, turned into encoded bytes of our own (the caller's may change meanwhile). */

import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { show } from '../check.js';
import { ImageDecodeError, ImageLimitError, InvalidArgumentError, IoError } from '../errors.js';

/** A file path; an `http:`, `https:`, `file:` or `data:` URL; the bytes of an image file. */
export type EncodedSource = string | URL | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | Blob;

/** How http(s) URLs are read; without it they are refused. It must enforce `maxBytes` and check addresses itself. */
export type UrlFetcher = (url: URL, maxBytes: number, signal?: AbortSignal) => Promise<Uint8Array>;

export interface ReadOptions {
  fetchUrl?: UrlFetcher | undefined;
  /** Stops a fetch. */
  signal?: AbortSignal | undefined;
  /** What is being read, as errors call it. Default: "image" */
  what?: string | undefined;
}

/**
 * @throws {InvalidArgumentError} for a value of another kind, or an http(s) URL without a fetcher
 * @throws {IoError} for a file that cannot be read
 * @throws {ImageLimitError} above `maxBytes`
 * @throws {ImageDecodeError} for no bytes at all, or a malformed data URL
 * @throws what `fetchUrl` throws
 */
export async function readSource(source: EncodedSource, maxBytes: number, options: ReadOptions = {}): Promise<Buffer> {
  const { what = 'image' } = options;
  const bytes = await readAny(source, maxBytes, { ...options, what });
  if (bytes.length === 0) throw new ImageDecodeError(`The ${what} is empty: 0 bytes. Pass a whole ${what} file.`);
  checkBytes(bytes.length, maxBytes, what);
  return bytes;
}

type Reading = ReadOptions & { what: string };

async function readAny(source: EncodedSource, maxBytes: number, options: Reading): Promise<Buffer> {
  const { what } = options;
  if (source instanceof URL) return readUrl(source, maxBytes, options);
  if (typeof source === 'string') {
    if (/^data:/i.test(source)) return readDataUrl(source, maxBytes, what);
    return URL_START.test(source)
      ? readUrl(parseUrl(source, what), maxBytes, options)
      : readFileBytes(source, maxBytes, what);
  }
  if (ArrayBuffer.isView(source)) {
    checkBytes(source.byteLength, maxBytes, what);
    return Buffer.from(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  if (source instanceof ArrayBuffer || source instanceof SharedArrayBuffer) {
    checkBytes(source.byteLength, maxBytes, what);
    return Buffer.from(new Uint8Array(source));
  }
  if (source instanceof Blob) {
    checkBytes(source.size, maxBytes, what);
    return Buffer.from(await source.arrayBuffer());
  }
  throw new InvalidArgumentError(
    `Expected a file path, URL, data URL, Buffer, Uint8Array, ArrayBuffer, Blob or sharp instance for ${what} but received ${describe(source)}`,
  );
}

/** One of the schemes that are read, or any other with `//`; `C:` begins a path. */
const URL_START = /^(?:(?:file|https?):|[a-z][a-z\d+.-]+:\/\/)/i;

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? `an object (${value.constructor?.name ?? 'no class'})`
    : String(value);
}

function checkBytes(length: number, maxBytes: number, what: string): void {
  if (length > maxBytes) {
    throw new ImageLimitError(
      `The ${what} has ${length} bytes; the limit is ${maxBytes}. Pass a smaller or stronger compressed file.`,
    );
  }
}

function parseUrl(text: string, what: string): URL {
  if (URL.canParse(text)) return new URL(text);
  throw new InvalidArgumentError(`Expected a URL for ${what} but received ${JSON.stringify(text.slice(0, 80))}`);
}

async function readUrl(url: URL, maxBytes: number, { fetchUrl, signal, what }: Reading): Promise<Buffer> {
  if (url.protocol === 'data:') return readDataUrl(url.href, maxBytes, what);
  if (url.protocol === 'file:') return readFileBytes(filePath(url, what), maxBytes, what);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InvalidArgumentError(
      `Expected an http, https, file or data URL for ${what} but received ${url.protocol}`,
    );
  }
  if (fetchUrl === undefined) {
    throw new InvalidArgumentError(
      'Images are not fetched from http(s) URLs here. Set network.allowImageUrls to true, or pass the file itself.',
    );
  }
  return Buffer.from(await fetchUrl(url, maxBytes, signal));
}

function filePath(url: URL, what: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new InvalidArgumentError(`Expected a local file: URL for ${what} but received ${url.href.slice(0, 80)}`, {
      cause,
    });
  }
}

const DATA_URL_HEADER = /^data:(image\/[\w.+-]+)?(;[\w.+-]+=[^;,]*)*;base64,/i;

function readDataUrl(url: string, maxBytes: number, what: string): Buffer {
  const header = DATA_URL_HEADER.exec(url.slice(0, 256))?.[0];
  if (header === undefined) {
    throw new ImageDecodeError('The data URL is not base64 of an image. Expected "data:image/<type>;base64,<data>".');
  }
  const characters = url.length - header.length;
  checkBytes(Math.floor((characters / 4) * 3) - 2, maxBytes, what);
  return decodeBase64(percentDecode(url.slice(header.length)));
}

/** Programs that build URLs may escape `+`, `/` and `=`. */
function percentDecode(text: string): string {
  try {
    return text.includes('%') ? decodeURIComponent(text) : text;
  } catch (cause) {
    throw malformedBase64('a "%" that escapes nothing', cause);
  }
}

/** Buffer's own decoder takes anything and leaves out what it does not know. */
function decodeBase64(text: string): Buffer {
  const data = text.replace(/\s+/g, '').replace(/={1,2}$/, '');
  const wrong = data.search(/[^\w+/-]/); // with the two characters of base64url
  if (wrong >= 0) throw malformedBase64(`${show(data.charAt(wrong))} at character ${wrong}`);
  if (data.length % 4 === 1) throw malformedBase64('one character too many or three too few');
  return Buffer.from(data, 'base64');
}

function malformedBase64(what: string, cause?: unknown): ImageDecodeError {
  return new ImageDecodeError(
    `The base64 of the data URL is malformed: ${what}. Encode the bytes of the image file anew, or pass them directly.`,
    { cause },
  );
}

async function readFileBytes(path: string, maxBytes: number, what: string): Promise<Buffer> {
  if (path === '' || path.includes('\0')) {
    throw new InvalidArgumentError(
      `Expected a file path for ${what} but received ${JSON.stringify(path.slice(0, 80))}`,
    );
  }
  try {
    const info = await stat(path); // before opening: a pipe would block, a device never ends
    if (!info.isFile()) throw new Error('it is not a regular file');
    checkBytes(info.size, maxBytes, what);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof ImageLimitError) throw cause;
    throw new IoError(`The ${what} file ${path.slice(0, 200)} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
