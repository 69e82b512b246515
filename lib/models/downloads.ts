/** Downloads that were not finished: what lies in the folder `.downloads` of the cache. */

import { lstat, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkPath } from '../check.js';
import { IoError } from '../errors.js';
import { DOWNLOADS } from './cache.js';
import { type InstalledModel, type ModelFilter, matcher, nameAndType } from './installed.js';

export interface UnfinishedDownload extends Pick<InstalledModel, 'name' | 'type'> {
  /** Absolute paths of its files and folders. */
  readonly paths: readonly string[];
  /** Bytes on the disk, as the file system counts them for sparse files too. */
  readonly bytes: number;
}

/** By name and type. @throws InvalidArgumentError; IoError when the folder cannot be read */
export async function listDownloads(cacheDir: string, filter: ModelFilter = {}): Promise<UnfinishedDownload[]> {
  const folder = resolve(checkPath('cacheDir', cacheDir), DOWNLOADS);
  const isMeant = matcher(filter);
  const found = new Map<string, UnfinishedDownload>();
  for (const entry of await entriesOf(folder)) {
    const { name, type } = nameAndType(entry.replace(/\.gguf\b.*$/, ''));
    if (!isMeant({ name, type })) continue;
    const key = `${name} ${type}`;
    const { paths, bytes } = found.get(key) ?? { paths: [], bytes: 0 };
    const path = join(folder, entry);
    found.set(key, { name, type, paths: [...paths, path], bytes: bytes + (await bytesOf(path)) });
  }
  return [...found.values()];
}

/** Removes what a download has left. @throws IoError */
export async function removeDownload({ paths }: UnfinishedDownload): Promise<void> {
  for (const path of paths) {
    await rm(path, { recursive: true, force: true }).catch((cause) => {
      throw new IoError(`Cannot remove ${path}: ${(cause as Error).message}`, { cause });
    });
  }
}

async function entriesOf(folder: string): Promise<string[]> {
  if (!(await lstat(folder).catch(() => undefined))?.isDirectory()) return []; // a link is not followed either
  const names = await readdir(folder).catch((cause) => {
    throw new IoError(`Cannot list ${folder}: ${(cause as Error).message}`, { cause });
  });
  return names.sort();
}

const BLOCK = 512;

/** Of a file, or of everything in a folder; links are not followed. */
async function bytesOf(path: string): Promise<number> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats?.isDirectory()) return stats?.isFile() ? Math.min(stats.size, BLOCK * stats.blocks) : 0;
  const names = await readdir(path).catch(() => []);
  const sizes = await Promise.all(names.map((name) => bytesOf(join(path, name))));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
