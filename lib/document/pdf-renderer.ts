/** Pages of a PDF to pictures, with pdfjs on a Skia canvas. Runs in a process of its own: see pdf-process.ts. */

import path from 'node:path';

import { ImageDecodeError, ImageLimitError, InvalidArgumentError } from '../errors.js';
import { missingText, type PdfFont } from './missing-fonts.js';
import {
  INSTALL_FONT,
  loadPdfPeers,
  type PDFDocumentProxy,
  type PDFPageProxy,
  type PdfPeers,
  packagedFont,
} from './optional-peer.js';
import { SubstituteFonts } from './substitute-fonts.js';

export interface OpenOptions {
  password?: string | undefined;
  /** Font files for text whose own font is not in the PDF. */
  fonts: readonly string[];
  /** Pixels of one picture in the PDF. */
  maxPixels: number;
}

export interface RenderOptions {
  /** Pixels per inch. Default: what makes the longer side {@link LONGER_SIDE} pixels */
  dpi?: number | undefined;
  /** width * height of the page. */
  maxPixels: number;
}

export interface RenderedPage {
  png: Uint8Array;
  width: number;
  height: number;
  /** Signs, no letters, that no font could draw. */
  missingCharacters: string;
  /** What pdfjs found wrong with the page. */
  warnings: string[];
}

/** More than the 1120 pixels of a Mllama canvas of 2 x 2 tiles, and less than makes its resampling blur strokes. */
const LONGER_SIDE = 1600;
const POINTS_PER_INCH = 72;
const MAX_DEFAULT_DPI = 600;
/** Of the process; above it, fonts that pdfjs keeps for later pages are given up. */
const SPARING_ABOVE = 512 * 1024 * 1024;
const MAX_WARNINGS = 20;
const SHOWN_MISSING = 20;

export class PdfRenderer {
  readonly #peers: PdfPeers;
  readonly #document: PDFDocumentProxy;
  readonly #fonts: SubstituteFonts;

  private constructor(peers: PdfPeers, document: PDFDocumentProxy, fonts: SubstituteFonts) {
    this.#peers = peers;
    this.#document = document;
    this.#fonts = fonts;
  }

  /**
   * @param bytes of the file; taken over
   * @throws ImageDecodeError damaged; InvalidArgumentError password, fonts, or packages that are not installed
   */
  static async open(bytes: Uint8Array, { password, fonts, maxPixels }: OpenOptions): Promise<PdfRenderer> {
    const peers = await loadPdfPeers();
    const standardFonts = path.join(peers.folder, 'standard_fonts', path.sep);
    const packaged = packagedFont();
    const last = [
      ...(packaged === undefined ? [] : [packaged]),
      path.join(standardFonts, 'LiberationSans-Regular.ttf'),
    ];
    const substitutes = new SubstituteFonts(peers.canvas, [...fonts, ...last]);
    const { GlobalWorkerOptions, VerbosityLevel, getDocument } = peers.pdfjs;
    GlobalWorkerOptions.workerSrc = path.join(peers.folder, 'legacy', 'build', 'pdf.worker.mjs');
    const task = getDocument({
      data: bytes,
      ...(password === undefined ? {} : { password }),
      cMapUrl: path.join(peers.folder, 'cmaps', path.sep),
      cMapPacked: true,
      standardFontDataUrl: standardFonts,
      wasmUrl: path.join(peers.folder, 'wasm', path.sep),
      iccUrl: path.join(peers.folder, 'iccs', path.sep),
      CanvasFactory: canvasFactory(peers, substitutes),
      maxImageSize: maxPixels,
      verbosity: VerbosityLevel.WARNINGS,
      ...{ isEvalSupported: false, enableXfa: false, useSystemFonts: false, fontExtraProperties: true },
      ...{ disableStream: true, disableRange: true, disableAutoFetch: true },
    });
    const document = await task.promise.catch((cause: Error) => {
      throw openFailure(cause, password);
    });
    return new PdfRenderer(peers, document, substitutes);
  }

  get pageCount(): number {
    return this.#document.numPages;
  }

  /**
   * @param number from 1
   * @throws ImageDecodeError a damaged page, or letters that no font draws; ImageLimitError too many pixels
   */
  async render(number: number, { dpi, maxPixels }: RenderOptions): Promise<RenderedPage> {
    const told = new Set<string>();
    const collect = (...parts: unknown[]) => {
      if (told.size < MAX_WARNINGS) told.add(parts.join(' ').replace(/^Warning: /, ''));
    };
    Object.assign(console, { warn: collect, log: collect, info: collect, error: collect });
    const page = await this.#document.getPage(number).catch((cause) => {
      throw damaged(number, cause);
    });
    try {
      const missing = await this.#findFonts(page, number);
      const viewport = page.getViewport({ scale: scaleOf(page, dpi) });
      const width = Math.max(1, Math.round(viewport.width));
      const height = Math.max(1, Math.round(viewport.height));
      if (width * height > maxPixels) {
        throw new ImageLimitError(
          `Page ${number} has ${width} x ${height} pixels at ${dpi} dpi; the limit is ${maxPixels}. Lower dpi.`,
        );
      }
      const canvas = this.#peers.canvas.createCanvas(width, height);
      withSubstitutes(canvas, this.#fonts);
      // A Skia canvas stands for the element that pdfjs' types name.
      await page.render({ canvas: canvas as never, viewport }).promise.catch((cause) => {
        throw damaged(number, cause);
      });
      const warnings = [...told];
      if (warnings.length > 0 && isBlank(canvas.data())) {
        throw new ImageDecodeError(`Page ${number} is damaged and comes out blank: ${warnings.join('; ')}`);
      }
      const png = await canvas.encode('png');
      return { png, width, height, missingCharacters: missing.join(''), warnings };
    } finally {
      page.cleanup();
      if (process.memoryUsage.rss() > SPARING_ABOVE) await this.#document.cleanup().catch(() => {});
    }
  }

  /** Finds fonts for the text that has none in the file. Returns the signs that no font draws. */
  async #findFonts(page: PDFPageProxy, number: number): Promise<string[]> {
    const operators = await page.getOperatorList().catch((cause) => {
      throw damaged(number, cause);
    });
    const fontOf = (name: string) => (page.commonObjs.has(name) ? (page.commonObjs.get(name) as PdfFont) : undefined);
    const texts = missingText(operators, this.#peers.pdfjs.OPS, fontOf);
    return texts.flatMap(({ font, characters, isUnknown }) => {
      if (isUnknown) throw unknownCharacters(number, font.name);
      const missing = this.#fonts.cover(characters, font.loadedName);
      if (missing.some((character) => /\p{L}/u.test(character))) throw noFont(number, font.name, missing);
      return missing;
    });
  }
}

function unknownCharacters(number: number, name: string): ImageDecodeError {
  return new ImageDecodeError(
    `Page ${number} uses the font ${JSON.stringify(name)}, which is not in the PDF, by numbers of its glyphs: what they ` +
      'show is not known. Make the PDF anew with its fonts embedded.',
  );
}

function noFont(number: number, name: string, missing: string[]): ImageDecodeError {
  const shown = missing.slice(0, SHOWN_MISSING).join('');
  return new ImageDecodeError(
    `Page ${number} uses the font ${JSON.stringify(name)}, which is not in the PDF, and no font here draws ` +
      `"${shown}". Run "${INSTALL_FONT}", install a Korean font (Debian: apt install fonts-noto-cjk), or pass font ` +
      'files with the option fonts.',
  );
}

function scaleOf(page: PDFPageProxy, dpi: number | undefined): number {
  if (dpi !== undefined) return dpi / POINTS_PER_INCH;
  const { width, height } = page.getViewport({ scale: 1 });
  return Math.min(LONGER_SIDE / Math.max(width, height), MAX_DEFAULT_DPI / POINTS_PER_INCH);
}

/** All of one colour. */
function isBlank(rgba: Buffer): boolean {
  const pixels = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.byteLength / 4);
  return pixels.every((pixel) => pixel === pixels[0]);
}

type Canvas = InstanceType<PdfPeers['canvas']['Canvas']>;

/** Makes the context of a canvas draw with the substitutes whenever a font is set. */
function withSubstitutes(canvas: Canvas, fonts: SubstituteFonts): Canvas {
  const context = canvas.getContext('2d');
  const font = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(context), 'font');
  Object.defineProperty(context, 'font', {
    get: () => font?.get?.call(context),
    set: (value: string) => font?.set?.call(context, fonts.css(value)),
  });
  return canvas;
}

/** pdfjs draws groups and patterns on canvases of their own. */
function canvasFactory({ canvas }: PdfPeers, fonts: SubstituteFonts): new () => object {
  return class {
    create(width: number, height: number) {
      const made = withSubstitutes(canvas.createCanvas(width, height), fonts);
      return { canvas: made, context: made.getContext('2d') };
    }
    reset(entry: { canvas: Canvas }, width: number, height: number) {
      Object.assign(entry.canvas, { width, height });
    }
    destroy(entry: { canvas: Canvas | null; context: unknown }) {
      Object.assign(entry.canvas ?? {}, { width: 0, height: 0 });
      Object.assign(entry, { canvas: null, context: null });
    }
  };
}

function openFailure(cause: Error, password: string | undefined): Error {
  if (cause.name === 'PasswordException') {
    return new InvalidArgumentError(
      password === undefined
        ? 'The PDF is encrypted: pass its password with the option password'
        : 'The PDF is encrypted and the password does not open it: check the option password',
      { cause },
    );
  }
  return new ImageDecodeError(`The PDF is damaged and cannot be read: ${cause.message}. Pass a whole file.`, { cause });
}

function damaged(number: number, cause: Error): ImageDecodeError {
  return new ImageDecodeError(`Page ${number} of the PDF is damaged and cannot be drawn: ${cause.message}`, { cause });
}
