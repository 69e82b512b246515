/** The folder in which one download lies until it is complete. Nothing in it, and no folder above it, may be a link. */

import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IoError } from '../errors.js';

/** What a file that is read whole may have. */
export const MAX_SMALL_BYTES = 64 * 1024 * 1024;

export class DownloadFolder {
  private constructor(
    readonly path: string,
    /** The model file while it is written; the writer appends ".tmp". */
    readonly model: string,
  ) {}

  /** Makes the folder, or takes it as an earlier download left it. @throws IoError */
  static async open(path: string): Promise<DownloadFolder> {
    await makeFolder(path);
    for (const name of await readdir(path).catch((cause) => failed('list', path, cause))) {
      const kind = await lstat(join(path, name));
      if (!kind.isFile()) {
        throw new IoError(`${join(path, name)} is no plain file, as a download would leave it; remove it`);
      }
    }
    return new DownloadFolder(path, join(path, 'model.gguf'));
  }

  /** Bytes of the model file while it is written, and of those the ones that have a place on the disk. */
  async modelBytes(): Promise<{ size: number; allocated: number }> {
    const stats = await lstat(`${this.model}.tmp`).catch(() => undefined);
    return { size: stats?.size ?? 0, allocated: 512 * (stats?.blocks ?? 0) };
  }

  /** Bytes of the model file when it is whole; undefined before. */
  async wholeModelBytes(): Promise<number | undefined> {
    return (await lstat(this.model).catch(() => undefined))?.size;
  }

  /** A small file in it; undefined when there is none that can be read. */
  async read(name: string): Promise<Buffer | undefined> {
    const path = join(this.path, name);
    const stats = await lstat(path).catch(() => undefined);
    if (!stats?.isFile() || stats.size > MAX_SMALL_BYTES) return undefined;
    return readFile(path).catch(() => undefined);
  }

  /**
   * Writes a file whole or not at all, as far as processes can end. A loss of power may damage it; then it is worthless,
   * and all that read it notice.
   *
   * @throws IoError
   */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    const path = join(this.path, name);
    const temporary = join(this.path, `${randomUUID().slice(0, 8)}.part`);
    try {
      await writeFile(temporary, content, { flag: 'wx' });
      await rename(temporary, path);
    } catch (cause) {
      await rm(temporary, { force: true });
      failed('write', path, cause);
    }
  }

  /** Removes everything in it. @throws IoError */
  async clear(): Promise<void> {
    await this.remove();
    await makeFolder(this.path);
  }

  /** @throws IoError */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true }).catch((cause) => failed('remove', this.path, cause));
  }
}

/** Makes a folder inside an existing one. @throws IoError when it is a link or no folder */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') failed('make', path, cause);
  });
  if ((await lstat(path).catch((cause) => failed('read', path, cause))).isDirectory()) return;
  throw new IoError(`${path} is a link or a file where downloads need a folder; remove it`);
}

/** Refuses to begin what cannot end. @throws IoError */
export async function checkSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder).catch((cause) => failed('read', folder, cause));
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new IoError(
    `The model needs ${bytes} more bytes in ${folder}, where ${free} are free; free some, or choose another cache folder`,
  );
}

export function failed(action: string, path: string, cause: unknown): never {
  throw new IoError(`Cannot ${action} ${path}: ${(cause as Error).message}`, { cause });
}
