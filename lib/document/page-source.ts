/** The pages of a document, whether it is a PDF or a list of images. */

import { abortable } from '../abortable.js';
import { checkArray, fail, reading } from '../check.js';
import type { ImageInput } from '../encoded-image.js';
import { PdfDocument, type PdfOptions, type PdfSource, type RenderedPage } from './pdf.js';

/** The pages as images, in order; or the file path, file: URL or bytes of a PDF. */
export type DocumentSource = readonly ImageInput[] | PdfSource;

/** What drawing a page of a PDF has to tell. */
export type PageNotes = Pick<RenderedPage, 'missingCharacters' | 'warnings'>;

export interface Page {
  image: ImageInput;
  notes?: PageNotes;
}

export interface PageSource {
  pageCount: number;
  /** @param number from 1 */
  page(number: number, signal: AbortSignal): Promise<Page>;
  close(): void;
}

/** Images of one call; which of them are worked on is limited by `selectPages`. */
const MAX_IMAGES = 1_000_000;

/** With a list of images as it stands now: the caller's may change meanwhile. @throws InvalidArgumentError */
export function checkDocument(source: DocumentSource): DocumentSource {
  if (!reading('document cannot be read', () => Array.isArray(source))) return source;
  const images = checkArray('document', source as readonly ImageInput[], MAX_IMAGES);
  if (images.length === 0) fail('document', 'a PDF or an array of at least one image', source);
  return images;
}

/**
 * @param source as `checkDocument` gives it
 * @throws what `PdfDocument.open` throws
 * @throws the reason of the signal
 */
export async function openPages(source: DocumentSource, options: PdfOptions, signal: AbortSignal): Promise<PageSource> {
  return Array.isArray(source) ? imagePages(source) : pdfPages(source as PdfSource, options, signal);
}

function imagePages(images: readonly ImageInput[]): PageSource {
  return {
    pageCount: images.length,
    page: async (number) => ({ image: images[number - 1] as ImageInput }),
    close: () => {},
  };
}

async function pdfPages(source: PdfSource, options: PdfOptions, signal: AbortSignal): Promise<PageSource> {
  const opening = PdfDocument.open(source, options);
  const pdf = await abortable(opening, signal).catch((error) => {
    opening.then((late) => late.close()).catch(() => {});
    throw error;
  });
  return {
    pageCount: pdf.pageCount,
    page: async (number, each) => {
      const { png, missingCharacters, warnings } = await abortable(pdf.renderPage(number), each);
      return { image: png, notes: { missingCharacters, warnings } };
    },
    close: () => pdf.close(),
  };
}
