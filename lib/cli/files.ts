/** Files that commands write: looked at before the work, written whole or not at all. */

import { randomUUID } from 'node:crypto';
import { realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError } from './failures.js';

/** Refuses what cannot be written, before work is done in vain. @throws UsageError */
export async function checkWritable(file: string, { force = true } = {}): Promise<void> {
  const folder = dirname(file);
  if (!(await kindOf(folder))?.isDirectory()) throw new UsageError('outputFolder', { file, folder });
  const kind = await kindOf(file);
  if (kind?.isDirectory()) throw new UsageError('outputIsFolder', { file });
  if (kind && !force) throw new UsageError('outputExists', { file });
}

/** Writes under another name first, so that nobody sees half a file. @throws UsageError */
export async function writeWhole(file: string, text: string): Promise<void> {
  try {
    const kind = await kindOf(file);
    // A pipe or a device is written to, never replaced; a link keeps its place.
    if (kind && !kind.isFile()) return await writeFile(file, text);
    const target = kind ? await realpath(file) : file;
    const temporary = join(dirname(target), `.${basename(target)}.${randomUUID().slice(0, 8)}.tmp`);
    try {
      await writeFile(temporary, text, kind ? { mode: kind.mode } : {});
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } catch (error) {
    throw new UsageError('outputUnwritable', { file, why: (error as Error).message });
  }
}

async function kindOf(path: string) {
  return stat(path).catch(() => undefined);
}
