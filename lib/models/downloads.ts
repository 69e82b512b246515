/** Downloads that were not finished: what lies in the folder `.downloads` of the cache. */

import { lstat, readdir, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { checkPath } from '../check.js';
import { IoError } from '../errors.js';
import { acquireLock } from '../hub/lock.js';
import { DOWNLOADS } from './cache.js';
import { type InstalledModel, type ModelFilter, matcher, nameAndType } from './installed.js';

export interface UnfinishedDownload extends Pick<InstalledModel, 'name' | 'type'> {
  /** Absolute path of its folder, which is named as the model's file without ".gguf". */
  readonly folder: string;
  /** Bytes on the disk, as the file system counts them for sparse files too. */
  readonly bytes: number;
}

/** By name and type. @throws InvalidArgumentError; IoError when the folder cannot be read */
export async function listDownloads(cacheDir: string, filter: ModelFilter = {}): Promise<UnfinishedDownload[]> {
  const downloads = resolve(checkPath('cacheDir', cacheDir), DOWNLOADS);
  const isMeant = matcher(filter);
  const found = (await foldersOf(downloads)).map((entry) => ({
    folder: join(downloads, entry),
    ...nameAndType(entry),
  }));
  return Promise.all(found.filter(isMeant).map(async (one) => ({ ...one, bytes: await bytesOf(one.folder) })));
}

/** Removes what a download has left. @throws IoError, also while a process goes on with it */
export async function removeDownload({ folder }: UnfinishedDownload): Promise<void> {
  const release = await acquireLock(`${folder}.gguf.lock`, basename(folder));
  try {
    await rm(folder, { recursive: true, force: true }).catch((cause) => {
      throw new IoError(`Cannot remove ${folder}: ${(cause as Error).message}`, { cause });
    });
  } finally {
    await release();
  }
}

async function foldersOf(path: string): Promise<string[]> {
  if (!(await lstat(path).catch(() => undefined))?.isDirectory()) return []; // a link is not followed either
  const entries = await readdir(path, { withFileTypes: true }).catch((cause) => {
    throw new IoError(`Cannot list ${path}: ${(cause as Error).message}`, { cause });
  });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
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
