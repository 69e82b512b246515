/** Models of the hub come into the cache. */

import { lstat, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { onAbort } from '../abortable.js';
import { InvalidArgumentError, IoError, ModelNotFoundError } from '../errors.js';
import { cacheFile, DOWNLOADS, readRecord } from '../models/cache.js';
import type { ModelRecord } from '../models/record.js';
import { isOffline } from './access.js';
import { chooseFile } from './choose-file.js';
import { type ClientOptions, HubClient } from './client.js';
import type { Download } from './download.js';
import { DownloadFolder, failed, makeFolder } from './download-folder.js';
import { type Journal, readJournal } from './journal.js';
import { acquireLock } from './lock.js';
import { Pace } from './pace.js';
import { publish, publishInterrupted } from './publish.js';
import { pullCheckpoint } from './pull-checkpoint.js';
import { pullGguf } from './pull-gguf.js';
import { type PullOptions, type PullRequest, resolveOptions } from './pull-options.js';
import { openRepository, type Repository, resolveCommit } from './repository.js';
import { WrongContentError } from './transfer.js';

export interface PulledModel {
  /** The GGUF file, an absolute path. */
  file: string;
  /** What is noted beside it. */
  record: ModelRecord;
  /** Bytes that came from the network in this call; 0 for a model that was in the cache. */
  downloaded: number;
}

/**
 * Brings a model of the hub into the cache: a checkpoint is converted while it is downloaded, so that only the result
 * takes room; a GGUF file is copied. Every file is verified by its hash. A call that is interrupted, in whatever way,
 * leaves what it has, and the same call goes on with it.
 *
 * Rejects with InvalidArgumentError, ModelNotFoundError (also when `HF_HUB_OFFLINE` forbids the network), ConnectionError,
 * ModelFormatError, ModelUnsupportedError, IoError, or with the signal's reason.
 *
 * @example
 * const { file } = await pullModel({ model: 'aica-5b', type: 'Q4_K_M' });
 */
export async function pullModel(options: PullOptions): Promise<PulledModel> {
  return pull(await resolveOptions(options));
}

/** @param options for tests: patience, and what names mean */
export async function pull(request: PullRequest, options: ClientOptions = {}): Promise<PulledModel> {
  const { cacheDir, repository, type, access } = request;
  const target = cacheFile(cacheDir, repository, type);
  const downloads = join(cacheDir, DOWNLOADS);
  await mkdir(cacheDir, { recursive: true }).catch((cause) => failed('make', cacheDir, cause));
  await makeFolder(downloads);
  const stop = stoppedBy(request.signal);
  const release = await acquireLock(join(downloads, `${basename(target)}.lock`), repository);
  const client = new HubClient(access, options);
  try {
    const folder = await DownloadFolder.open(join(downloads, basename(target, '.gguf')));
    await publishInterrupted(folder, target);
    const present = await findPresent(request, client, target, stop.signal);
    if (present !== undefined) {
      await folder.remove();
      return { file: target, record: present, downloaded: 0 };
    }
    return await download(request, client, folder, target, stop.signal);
  } finally {
    stop.release();
    await client.close();
    await release();
  }
}

/** A signal that is always there. */
function stoppedBy(given: AbortSignal | undefined): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const release = given === undefined ? () => {} : onAbort(given, () => controller.abort(given.reason));
  return { signal: controller.signal, release };
}

/** The record of the model that is asked for, when it is in the cache. */
async function findPresent(
  { repository, revision, file, force }: PullRequest,
  client: HubClient,
  target: string,
  signal: AbortSignal,
): Promise<ModelRecord | undefined> {
  const kind = await lstat(target).catch(() => undefined);
  if (kind === undefined || (force && kind.isFile())) return undefined;
  if (!kind.isFile()) throw new IoError(`${target} is a link or a folder where the model is to lie; remove it`);
  const record = await readRecord(target);
  if (record?.repository !== repository) {
    throw new InvalidArgumentError(`${target} exists and was not downloaded from ${repository}: --force replaces it`);
  }
  if (file !== undefined && !record.sources.some((source) => source.file === file)) return undefined;
  if (revision === undefined || revision === record.revision) return record;
  refuseOffline(repository);
  return (await resolveCommit(client, repository, revision, signal)) === record.revision ? record : undefined;
}

function refuseOffline(repository: string): void {
  if (!isOffline()) return;
  throw new ModelNotFoundError(
    `${repository} is not in the cache, and HF_HUB_OFFLINE forbids to download it: unset it`,
  );
}

async function download(
  request: PullRequest,
  client: HubClient,
  folder: DownloadFolder,
  target: string,
  signal: AbortSignal,
): Promise<PulledModel> {
  refuseOffline(request.repository);
  const { type, threads, onProgress, revision = 'main' } = request;
  const journal = await readJournal(folder);
  const repository = await openPinned(client, request.repository, revision, journal, signal);
  const pace = new Pace();
  let downloaded = 0;
  const work: Download = {
    ...{ client, repository, revision, type, threads, folder, journal, signal },
    onBytes: (count) => {
      downloaded += count;
    },
    onProgress: (done, total) => onProgress?.(pace.at(done, total)),
  };
  const file = chooseFile(repository, type, request.file);
  try {
    const sources = await (file === undefined ? pullCheckpoint(work) : pullGguf(work, file));
    const facts = { repository: repository.id, revision: repository.commit, type, sources };
    return { file: target, record: await publish(folder, target, facts, signal), downloaded };
  } catch (error) {
    if (error instanceof WrongContentError) await folder.clear();
    throw error;
  }
}

/** A download that was begun is finished at its commit, as long as the hub has that; else it begins at the newest. */
async function openPinned(
  client: HubClient,
  id: string,
  revision: string,
  journal: Journal | undefined,
  signal: AbortSignal,
): Promise<Repository> {
  if (journal?.repository === id && journal.revision === revision && /^[0-9a-f]{40}$/.test(journal.commit)) {
    try {
      return await openRepository(client, id, journal.commit, signal);
    } catch (error) {
      if (!(error instanceof ModelNotFoundError)) throw error;
    }
  }
  return openRepository(client, id, await resolveCommit(client, id, revision, signal), signal);
}
