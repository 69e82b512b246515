import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { IoError, ModelNotFoundError } from '../errors.js';
import type { CheckpointFiles, RandomAccessFile } from './tensor-source.js';

/** A checkpoint in a folder on the disk. Rejects with ModelNotFoundError when there is no such folder. */
export async function openCheckpointFolder(path: string): Promise<CheckpointFiles> {
  const location = resolve(path);
  const found = await stat(location).catch(() => undefined);
  if (found === undefined) {
    throw new ModelNotFoundError(`There is no folder ${location}; name the folder of a Hugging Face checkpoint`);
  }
  if (!found.isDirectory()) {
    throw new ModelNotFoundError(`${location} is not a folder; name the folder that holds config.json`);
  }
  return {
    location,
    list: () => readdir(location).catch((cause) => failed('list', location, cause)),
    readText: (name) => readFile(join(location, name), 'utf8').catch((cause) => failed('read', name, cause)),
    open: (name) => openFile(join(location, name)),
  };
}

async function openFile(path: string): Promise<RandomAccessFile> {
  const file = await open(path, 'r').catch((cause) => failed('open', basename(path), cause));
  const { size } = await file.stat();
  return {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await file
          .read(bytes, done, length - done, offset + done)
          .catch((cause) => failed('read', basename(path), cause));
        if (bytesRead === 0) {
          throw new IoError(`${basename(path)} ended at byte ${offset + done} while it was read; it was changed`);
        }
        done += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
  };
}

function failed(action: string, what: string, cause: unknown): never {
  throw new IoError(`Cannot ${action} ${what}: ${(cause as Error).message}`, { cause });
}
