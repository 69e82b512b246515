/** The documents that arguments mean: an image, a folder of images in natural order, a PDF file. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isPdf } from '../document/pdf.js';
import { SUPPORTED_FORMATS, sniffFormat } from '../image/format.js';
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
    const names = await imagesOfFolder(input);
    if (names !== undefined) return { name: input, pages: { images: names, names } };
    if (isPdf(await readHead(input))) return { name: input, pages: { pdf: input } };
  }
  return { name: input, pages: { images: [await checkedImage(input, config, signal)], names: [input] } };
}

/** "page 2" before "page 10"; undefined when it is no folder. */
async function imagesOfFolder(folder: string): Promise<string[] | undefined> {
  const isFolder = await stat(folder).then(
    (info) => info.isDirectory(),
    () => false,
  );
  if (!isFolder) return undefined;
  const { compare } = new Intl.Collator('en', { numeric: true });
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map(({ name }) => name);
  const images: string[] = [];
  for (const name of files.sort(compare)) {
    const file = join(folder, name);
    if (sniffFormat(await readHead(file)) !== null) images.push(file);
  }
  if (images.length === 0) throw new UsageError('folderEmpty', { folder, formats: SUPPORTED_FORMATS });
  return images;
}
