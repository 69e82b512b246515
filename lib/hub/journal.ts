/** How far a download has come: what a process that goes on with it may take as done. */

import { isObject } from '../convert/json.js';
import type { DownloadFolder } from './download-folder.js';

/** A file of the hub that is read front to back. */
export interface FileState {
  path: string;
  /** Bytes that are read, hashed and worked into the model file. */
  position: number;
  /** State of the hash at that position; undefined at the start, and after the end, when the hash was right. */
  hash: string | undefined;
}

export interface Journal {
  version: 1;
  repository: string;
  /** That was asked for. */
  revision: string;
  /** That it meant when the download began; the whole download is of this commit. */
  commit: string;
  /** SHA-256 of everything that decides what the model file will be. */
  fingerprint: string;
  /** Rows of each tensor that are in the model file; empty where it is copied. */
  rows: number[];
  files: FileState[];
}

const NAME = 'journal.json';

export async function writeJournal(folder: DownloadFolder, journal: Journal): Promise<void> {
  await folder.write(NAME, JSON.stringify(journal));
}

/** Undefined when there is none, or one that cannot be trusted: then the download starts anew. */
export async function readJournal(folder: DownloadFolder): Promise<Journal | undefined> {
  try {
    const journal: unknown = JSON.parse((await folder.read(NAME))?.toString('utf8') ?? '');
    return isJournal(journal) ? journal : undefined;
  } catch {
    return undefined;
  }
}

/** The journal of a download that begins. */
export function newJournal(facts: Omit<Journal, 'version' | 'files'>, paths: readonly string[]): Journal {
  return { version: 1, ...facts, files: paths.map((path) => ({ path, position: 0, hash: undefined })) };
}

/** Whether a download that is now planned so may go on where the journal stands. */
export function fits(journal: Journal, planned: Journal, sizes: readonly number[]): boolean {
  const areSame = (['repository', 'revision', 'commit', 'fingerprint'] as const).every(
    (key) => journal[key] === planned[key],
  );
  return (
    areSame &&
    journal.rows.length === planned.rows.length &&
    journal.files.length === planned.files.length &&
    journal.files.every(({ path, position, hash }, i) => {
      const size = sizes[i] as number;
      const isPlausible = hash === undefined ? position === 0 || position === size : position > 0 && position < size;
      return path === planned.files[i]?.path && isPlausible;
    })
  );
}

/** Whether every file was read to its end and had the right hash. */
export function isComplete({ files }: Journal, sizes: readonly number[]): boolean {
  return files.every(({ position, hash }, i) => position === sizes[i] && hash === undefined);
}

function isJournal(value: unknown): value is Journal {
  if (!isObject(value) || value.version !== 1) return false;
  const { repository, revision, commit, fingerprint, rows, files } = value;
  const areTexts = [repository, revision, commit, fingerprint].every((text) => typeof text === 'string');
  return areTexts && Array.isArray(rows) && rows.every(isCount) && Array.isArray(files) && files.every(isFileState);
}

function isFileState(value: unknown): boolean {
  if (!isObject(value) || typeof value.path !== 'string' || !isCount(value.position)) return false;
  return value.hash === undefined || typeof value.hash === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
