/**
 * Where models of the hub lie: `<cacheDir>/<owner>--<name>.<type>.gguf`, and beside each a record of where it came from,
 * `….gguf.json`. The record is written after its file and removed before it, so that whatever is interrupted, a file may
 * lack its record but never has a wrong one.
 */

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { checkPath, checkText, fail } from '../check.js';
import { IoError } from '../errors.js';
import { checkRecord, type ModelRecord, parseRecord, RECORD_BYTES } from './record.js';

/** Downloads that are not finished lie here, in `cacheDir`. */
export const DOWNLOADS = '.downloads';

const NAME_BYTES = 200;

/**
 * The file of a model.
 *
 * @param name id on the hub
 * @throws InvalidArgumentError for names that no file can have
 */
export function cacheFile(cacheDir: string, name: string, type: string): string {
  return join(checkPath('cacheDir', cacheDir), `${fileName(name)}.${checkFileName('type', type)}.gguf`);
}

/** A model's name as the name of a file: "owner/name" is "owner--name". */
export function fileName(name: string): string {
  return checkFileName('model', checkText('model', name).replaceAll(/[\\/]/g, '--'));
}

function checkFileName(what: string, name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
  const isPlain = typeof name === 'string' && !/[\u0000-\u001f\u007f/\\]/.test(name) && name.trim() === name;
  if (!isPlain || name === '' || Buffer.byteLength(name) > NAME_BYTES) {
    fail(what, `a name of at most ${NAME_BYTES} bytes without control characters`, name);
  }
  return name;
}

/**
 * The path of a regular file of the cache folder, or undefined when there is none by that name. A link is followed only
 * while it stays in the folder.
 */
export async function fileInCache(cacheDir: string, name: string): Promise<string | undefined> {
  const path = join(cacheDir, name);
  try {
    const inside = relative(await realpath(cacheDir), await realpath(path));
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return undefined;
    return (await stat(path)).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

const recordFile = (file: string): string => `${file}.json`;

/**
 * The record beside a model file; undefined when there is none.
 *
 * @throws ModelFormatError when it is damaged, or a link; IoError
 */
export async function readRecord(file: string): Promise<ModelRecord | undefined> {
  const path = recordFile(file);
  if ((await fileInCache(dirname(path), basename(path))) === undefined) return undefined;
  const text = await withFile(path, 'r', async (handle) => {
    const { size } = await handle.stat();
    return size > RECORD_BYTES ? undefined : handle.readFile('utf8');
  });
  return parseRecord(path, text);
}

/**
 * Writes the record of a file that is in its place, whole or not at all.
 *
 * @throws InvalidArgumentError when the record is not one; IoError
 */
export async function writeRecord(file: string, record: ModelRecord): Promise<void> {
  const path = recordFile(checkPath('file', file));
  const text = `${JSON.stringify(checkRecord('record', record), null, 2)}\n`;
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID().slice(0, 8)}.tmp`);
  try {
    await withFile(temporary, 'wx', async (handle) => {
      await handle.writeFile(text);
      await handle.sync();
    });
    await rename(temporary, path).catch((cause) => failed('write', path, cause));
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes the record of a file, before the file itself is replaced or removed. @throws IoError */
export async function forgetRecord(file: string): Promise<void> {
  const path = recordFile(file);
  await rm(path, { force: true }).catch((cause) => failed('remove', path, cause));
  await syncFolder(dirname(path));
}

/** Makes the names in a folder last through a loss of power, where the system can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

async function withFile<T>(path: string, flags: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, flags);
    return await work(handle);
  } catch (cause) {
    return failed(flags === 'r' ? 'read' : 'write', path, cause);
  } finally {
    await handle?.close();
  }
}

function failed(action: string, path: string, cause: unknown): never {
  throw new IoError(`Cannot ${action} ${path}: ${(cause as Error).message}`, { cause });
}
