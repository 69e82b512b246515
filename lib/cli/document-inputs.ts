/** The documents that arguments mean: an image, a folder of images in natural order, a PDF file. */

import { isPdf } from '../document/pdf.js';
import { isFolder, listImages } from '../image/folder.js';
import { SUPPORTED_FORMATS } from '../image/format.js';
import type { Config, ImageSource } from '../index.js';
import { UsageError } from './failures.js';
import { checkedImage, isUrl, readHead } from './images.js';

export interface DocumentInput {
  /** The argument; of several joined into one, the first. */
  name: string;
  /** The path of a PDF, or the pages as images. */
  pages: { pdf: string } | { images: ImageSource[]; names: string[] };
}

/**
 * @param join all images and folders are the pages of one document
 * @throws UsageError when an input cannot be read, a folder holds no image, or a PDF file is to be joined
 */
export async function readInputs(
  inputs: readonly string[],
  { config, signal, joined }: { config: Config; signal: AbortSignal; joined: boolean },
): Promise<DocumentInput[]> {
  const documents: DocumentInput[] = [];
  for (const input of inputs) documents.push(await readInput(input, config, signal));
  const [first] = documents;
  if (!joined || documents.length < 2 || first === undefined) return documents;
  const parts = documents.map(({ pages }) => {
    if ('pdf' in pages) throw new UsageError('pagesMixed');
    return pages;
  });
  const images = parts.flatMap((pages) => pages.images);
  return [{ name: first.name, pages: { images, names: parts.flatMap(({ names }) => names) } }];
}

async function readInput(input: string, config: Config, signal: AbortSignal): Promise<DocumentInput> {
  if (!isUrl(input)) {
    if (await isFolder(input)) {
      const names = await listImages(input, readHead);
      if (names.length === 0) throw new UsageError('folderEmpty', { folder: input, formats: SUPPORTED_FORMATS });
      return { name: input, pages: { images: names, names } };
    }
    if (isPdf(await readHead(input))) return { name: input, pages: { pdf: input } };
  }
  return { name: input, pages: { images: [await checkedImage(input, config, signal)], names: [input] } };
}
