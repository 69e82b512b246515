import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { IoError, ModelFormatError, ModelNotFoundError } from '../errors.js';
import { KIND_BYTES, refuseForeignKind } from './file-kind.js';
import type { CheckpointFiles, RandomAccessFile } from './tensor-source.js';

/** Of a text file. The largest, tokenizer.json, has about 17 MB. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

/**
 * A checkpoint in a folder on the disk. Rejects with ModelNotFoundError when there is no such folder, with
 * ModelFormatError when it is a file of a kind that cannot be one.
 */
export async function openCheckpointFolder(path: string): Promise<CheckpointFiles> {
  const location = resolve(path);
  const found = await stat(location).catch(() => undefined);
  if (found === undefined) {
    throw new ModelNotFoundError(`There is no folder ${location}; name the folder of a Hugging Face checkpoint`);
  }
  if (!found.isDirectory()) {
    if (found.isFile()) await refuseFile(location);
    throw new ModelNotFoundError(`${location} is not a folder; name the folder that holds config.json`);
  }
  return {
    location,
    list: () => readdir(location).catch((cause) => failed('list', location, cause)),
    readText: (name) => readText(join(location, name)),
    open: (name) => openFile(join(location, name)),
  };
}

/** A single file was named: what it is says more than that it is no folder. */
async function refuseFile(path: string): Promise<void> {
  const file = await openFile(path);
  try {
    refuseForeignKind(await file.read(0, Math.min(file.size, KIND_BYTES)), path);
  } finally {
    await file.close();
  }
}

async function readText(path: string): Promise<string> {
  const { size } = await statFile(path);
  if (size > MAX_TEXT_BYTES) {
    throw new ModelFormatError(`${basename(path)} has ${size} bytes, more than the ${MAX_TEXT_BYTES} allowed`);
  }
  const bytes = await readFile(path).catch((cause) => failed('read', basename(path), cause));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ModelFormatError(`${basename(path)} is not UTF-8; download it again`, { cause });
  }
}

/** A pipe would block for ever, a device never end. */
async function statFile(path: string) {
  const stats = await stat(path).catch((cause) => failed('open', basename(path), cause));
  if (!stats.isFile()) throw new IoError(`Cannot open ${basename(path)}: it is no regular file`);
  return stats;
}

async function openFile(path: string): Promise<RandomAccessFile> {
  const { size } = await statFile(path);
  const file = await open(path, 'r').catch((cause) => failed('open', basename(path), cause));
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
