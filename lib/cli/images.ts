/** Images named on the command line: looked at before the model is loaded, so that a wrong path does not cost a load. */

import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { requireFormat } from '../image/format.js';
import { IMAGE_LIMITS } from '../image/limits.js';
import { readSource } from '../image/source.js';
import type { Config, ImageSource } from '../index.js';
import { imageFetcher } from '../net/image-fetcher.js';
import { UsageError } from './failures.js';

const URL_START = /^(?:data:|[a-z][a-z\d+.-]+:\/\/)/i;
const IMAGE_NAME = /\.(?:png|jpe?g|webp|gif|tiff?|avif|bmp|heic|svg)$/i;
/** Enough to tell the format, and a web page from an image. */
const HEAD_BYTES = 512;

export function isUrl(image: string): boolean {
  return URL_START.test(image);
}

/** Whether an argument means an image and not a prompt: a URL, a file that exists, a word that ends like a file name. */
export function namesImage(argument: string): boolean {
  return isUrl(argument) || IMAGE_NAME.test(argument) || /^\S*\.\w{2,5}$/.test(argument) || isPath(argument);
}

function isPath(argument: string): boolean {
  return argument !== '' && existsSync(argument);
}

/**
 * A URL is fetched now; a file is only looked at, and read when its turn comes.
 *
 * @throws UsageError when a file cannot be read, ImageDecodeError when it is no image, and what fetching throws
 */
export async function checkedImage(image: string, config: Config, signal: AbortSignal): Promise<ImageSource> {
  if (!isUrl(image)) {
    requireFormat(await readHead(image));
    return image;
  }
  const fetchUrl = imageFetcher(config.network);
  const bytes = await readSource(image, IMAGE_LIMITS.maxBytes, { fetchUrl, signal });
  requireFormat(bytes);
  return bytes;
}

export async function readHead(file: string): Promise<Uint8Array> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new UsageError('fileUnreadable', { file, why: (error as Error).message });
  }
}
