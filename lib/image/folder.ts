/** Folders of images. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sniffFormat } from './format.js';

export async function isFolder(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info?.isDirectory() ?? false;
}

/**
 * The files of a folder that are images by their first bytes, "page 2" before "page 10".
 *
 * @param readHead reads the first bytes of a file
 */
export async function listImages(folder: string, readHead: (file: string) => Promise<Uint8Array>): Promise<string[]> {
  const { compare } = new Intl.Collator('en', { numeric: true });
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map(({ name }) => name);
  const images: string[] = [];
  for (const name of files.sort(compare)) {
    const file = join(folder, name);
    if (sniffFormat(await readHead(file)) !== null) images.push(file);
  }
  return images;
}
