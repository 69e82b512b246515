/** One process at a time: a file that names the one that works. One whose process has ended is taken over. */

import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { IoError } from '../errors.js';
import { failed } from './download-folder.js';

/** Milliseconds; taking a lock is a matter of a few. */
const LONG_AGO = 60_000;

interface Owner {
  pid: number;
  /** When it started, as the system counts; a number may be given to another process later. */
  started: string | undefined;
  /** Of this one lock. */
  key: string;
}

/**
 * @returns what gives it back
 * @throws IoError when another process, or another call of this one, has it
 */
export async function acquireLock(path: string, subject: string): Promise<() => Promise<void>> {
  const own: Owner = { pid: process.pid, started: await startOf(process.pid), key: randomUUID() };
  const draft = `${path}.${own.key}`;
  await writeFile(draft, JSON.stringify(own), { flag: 'wx' }).catch((cause) => failed('write', draft, cause));
  try {
    while (!(await tryLink(draft, path))) {
      const owner = await readOwner(path);
      if (owner !== undefined && (await isAlive(owner))) {
        throw new IoError(
          `${subject} is being downloaded by process ${owner.pid}: wait for it, or end it and remove ${path}`,
        );
      }
      await removeStale(path, owner);
    }
  } finally {
    await rm(draft, { force: true });
  }
  await sweep(path);
  return async () => {
    if ((await readOwner(path))?.key === own.key) await rm(path, { force: true });
  };
}

/** A link appears with its content, or not at all. */
async function tryLink(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EEXIST' ? false : failed('make', path, cause);
  }
}

/** Of two that find the same dead owner, one may come late and take away the lock of the other: it gives it back. */
async function removeStale(path: string, dead: Owner | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // the other was faster
  }
  const taken = await readOwner(aside);
  if (taken?.key !== dead?.key) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

/** Removes what processes have left that were killed while they were taking the lock. */
async function sweep(path: string): Promise<void> {
  const [folder, prefix] = [dirname(path), `${basename(path)}.`];
  for (const name of await readdir(folder).catch(() => [])) {
    const file = join(folder, name);
    if (!name.startsWith(prefix)) continue;
    const { mtimeMs = Date.now() } = (await stat(file).catch(() => undefined)) ?? {};
    if (Date.now() - mtimeMs > LONG_AGO) await rm(file, { force: true });
  }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const { pid, started, key } = JSON.parse(await readFile(path, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? { pid, started, key } : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, started }: Owner): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = await startOf(pid);
  return now === undefined || started === undefined || now === started;
}

/** On Linux: ticks since the system started. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
