/** A PDF as a source of page images. */

import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

import { checkArray, checkNumber, checkOptions, checkPath, checkString, fail, reading } from '../check.js';
import { ImageDecodeError, ImageLimitError, InvalidArgumentError } from '../errors.js';
import { type EncodedSource, readSource } from '../image/source.js';
import type { PdfReply } from './pdf-child.js';
import { PdfProcess } from './pdf-process.js';
import type { RenderedPage } from './pdf-renderer.js';

export type { RenderedPage } from './pdf-renderer.js';

/** The file path, file: URL or bytes of a PDF. */
export type PdfSource = EncodedSource;

export interface PdfOptions {
  /** Of an encrypted file. */
  password?: string | undefined;
  /** Font files, or folders of them, for text whose own font is not in the PDF. */
  fonts?: readonly string[] | undefined;
  /** Pixels per inch, 18 to 600. Default: 1600 pixels on the longer side, which suits the model */
  dpi?: number | undefined;
}

export const PDF_KEYS = ['password', 'fonts', 'dpi'] as const;

/** What a PDF may cost at most. */
export interface PdfLimits {
  /** Of the file. */
  maxBytes: number;
  /** width * height of a page, and of a picture on it. */
  maxPixels: number;
  /** Seconds for reading the file, and for each page. */
  maxSeconds: number;
  /** Bytes of the process that draws. */
  maxMemory: number;
}

export const PDF_LIMITS: Readonly<PdfLimits> = {
  maxBytes: 256 * 1024 * 1024,
  maxPixels: 64_000_000,
  maxSeconds: 60,
  maxMemory: 2 * 1024 ** 3,
};

const FONT_FILE = /\.(ttf|otf|ttc|otc|woff2)$/i;
const MAX_FONT_FILES = 200;
/** The header may follow other bytes: readers look that far for it. */
const HEADER_WITHIN = 1024;

/** Checked, with every font file named. */
type Opening = Required<Omit<PdfOptions, 'fonts'>> & { fonts: string[] };

export class PdfDocument {
  readonly #bytes: Buffer;
  readonly #options: Opening;
  readonly #limits: PdfLimits;
  #process: PdfProcess | undefined;
  /** Pages that the present process has drawn. */
  #drawn = 0;
  #pageCount = 0;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(bytes: Buffer, options: Opening, limits: PdfLimits) {
    this.#bytes = bytes;
    this.#options = options;
    this.#limits = limits;
  }

  /**
   * Reads a PDF. It has to be closed.
   *
   * @throws InvalidArgumentError no source of bytes, a wrong option, a password that is missing or wrong, or packages
   *   that are not installed; the message names the command
   * @throws ImageDecodeError not a PDF, or damaged; ImageLimitError over {@link PDF_LIMITS}; IoError; TimeoutError
   */
  static async open(source: PdfSource, options?: PdfOptions, limits: Partial<PdfLimits> = {}): Promise<PdfDocument> {
    const allowed = { ...PDF_LIMITS, ...limits };
    const { password, fonts, dpi } = checkPdfOptions(options);
    const bytes = await readPdf(source, allowed.maxBytes);
    if (!isPdf(bytes)) {
      throw new ImageDecodeError(
        `The data is not a PDF (it begins with ${bytes.subarray(0, 8).toString('hex')}). Pass images as an array.`,
      );
    }
    const document = new PdfDocument(bytes, { password, fonts: await fontFiles(fonts ?? []), dpi }, allowed);
    await document.#start().catch((error) => {
      document.close();
      throw error;
    });
    return document;
  }

  get pageCount(): number {
    return this.#pageCount;
  }

  /**
   * Draws a page; pages that are asked for together come one after another.
   *
   * @param number from 1
   * @throws ImageDecodeError a damaged page, or text that no font here draws; ImageLimitError; TimeoutError
   */
  renderPage(number: number): Promise<RenderedPage> {
    const page = this.#last.then(() => this.#render(number));
    this.#last = page.catch(() => {});
    return page;
  }

  /** Frees what the document holds, also while a page is being drawn. */
  close(): void {
    this.#closed = true;
    this.#process?.kill();
  }

  async #render(number: number): Promise<RenderedPage> {
    if (this.#process?.isAlive !== true) await this.#start(); // a bad page may have ended it
    try {
      return await this.#draw(number);
    } catch (error) {
      const isOver = error instanceof ImageLimitError && this.#process?.isAlive === false;
      if (!isOver || this.#drawn === 0) throw error;
      await this.#start(); // the pages before it may have been what took the memory
      return this.#draw(number);
    }
  }

  async #draw(number: number): Promise<RenderedPage> {
    const { maxPixels } = this.#limits;
    const { dpi } = this.#options;
    const reply = await this.#ask(`Page ${number}`, { kind: 'render', page: number, dpi, maxPixels });
    this.#drawn++;
    return (reply as Extract<PdfReply, { kind: 'rendered' }>).page;
  }

  async #start(): Promise<void> {
    if (this.#closed) throw new InvalidArgumentError('The PDF is closed');
    this.#process = new PdfProcess();
    this.#drawn = 0;
    const { maxPixels, maxMemory } = this.#limits;
    const { password, fonts } = this.#options;
    const open = { kind: 'open', bytes: this.#bytes, password, fonts, maxPixels, maxMemory } as const;
    const reply = await this.#ask('Reading the PDF', open);
    this.#pageCount = (reply as Extract<PdfReply, { kind: 'opened' }>).pageCount;
  }

  #ask(what: string, request: Parameters<PdfProcess['ask']>[1]): Promise<PdfReply> {
    return (this.#process as PdfProcess).ask(what, request, this.#limits.maxSeconds);
  }
}

async function readPdf(source: PdfSource, maxBytes: number): Promise<Buffer> {
  try {
    return await readSource(source, maxBytes, { what: 'PDF', fetchUrl: noFetching });
  } catch (cause) {
    return reading('The PDF cannot be read', () => {
      throw cause;
    });
  }
}

async function noFetching(): Promise<never> {
  throw new InvalidArgumentError('PDF files are not fetched from http(s) URLs: download the file and pass its path');
}

/** Whether bytes are a PDF, told by its header. */
export function isPdf(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEADER_WITHIN)).includes('%PDF-');
}

/** @throws InvalidArgumentError */
export function checkPdfOptions(options: PdfOptions | undefined): Required<PdfOptions> {
  const { password, fonts, dpi } = checkOptions('options', options, PDF_KEYS);
  if (password !== undefined) checkString('password', password);
  if (dpi !== undefined) checkNumber('dpi', dpi, { min: 18, max: 600 });
  return { password, fonts: fonts === undefined ? undefined : checkFonts(fonts), dpi };
}

function checkFonts(fonts: readonly string[]): string[] {
  return checkArray('fonts', fonts, MAX_FONT_FILES).map((file, i) => checkPath(`fonts[${i}]`, file));
}

/** The files themselves, and those in folders; regular ones first, since the first that has a character draws it. */
async function fontFiles(entries: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const entry of entries) {
    const info = await stat(entry).catch((cause) => {
      throw new InvalidArgumentError(`The option fonts names ${entry}, which cannot be read: ${cause.message}`, {
        cause,
      });
    });
    files.push(...(info.isDirectory() ? await fontsOfFolder(entry) : [path.resolve(entry)]));
  }
  if (files.length > MAX_FONT_FILES) fail('fonts', `at most ${MAX_FONT_FILES} font files`, files);
  return files;
}

async function fontsOfFolder(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => FONT_FILE.test(name)).sort();
  if (names.length === 0) {
    throw new InvalidArgumentError(`The folder ${folder} of the option fonts holds no font (TTF, OTF, TTC, WOFF2)`);
  }
  const isRegular = (name: string) => /regular|400|book/i.test(path.basename(name));
  return [...names.filter(isRegular), ...names.filter((name) => !isRegular(name))].map((name) =>
    path.resolve(folder, name),
  );
}
