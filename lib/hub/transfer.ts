/** Files of a repository, one after the other, into something that takes their bytes in order. */

import { show } from '../check.js';
import { ConnectionError } from '../errors.js';
import type { DownloadFolder } from './download-folder.js';
import { type FileState, type Journal, writeJournal } from './journal.js';
import { orderedRanges, rangeBytes } from './ordered-ranges.js';
import type { RemoteFile } from './remote-file.js';
import { ResumableHash } from './resumable-hash.js';

/** Where the bytes of the files go. */
export interface Sink {
  /** Works in what it can of the next bytes of file number `file`. @returns how many; the others come again, with more */
  take(file: number, position: number, bytes: Uint8Array): Promise<number>;
  /** Puts on the disk what was worked in. @returns rows of each tensor in the model file */
  sync(): Promise<number[]>;
}

/** The content of a file is not what the hub says: whatever was made of it is worthless. */
export class WrongContentError extends ConnectionError {}

export interface TransferOptions {
  folder: DownloadFolder;
  /** How far it has come; kept up to date, in memory and in the folder. */
  journal: Journal;
  /** In the order of the journal's. */
  remotes: readonly RemoteFile[];
  onProgress: (bytesDone: number) => void;
  signal: AbortSignal;
}

/**
 * Goes on from where the journal stands, to the end.
 *
 * @throws WrongContentError; what the hub, the sink and `onProgress` throw; the signal's reason
 */
export async function transfer(sink: Sink, options: TransferOptions): Promise<void> {
  const { journal, remotes, onProgress } = options;
  const total = remotes.reduce((sum, { file }) => sum + file.size, 0);
  const keeper = new Keeper(sink, options, rangeBytes(total));
  const bytesDone = () => journal.files.reduce((sum, { position }) => sum + position, 0);
  onProgress(bytesDone());
  for (const [index, remote] of remotes.entries()) {
    const state = journal.files[index] as FileState;
    if (state.position === remote.file.size && state.hash === undefined && state.position > 0) continue;
    const onTaken = async (hash: ResumableHash, taken: number) => {
      onProgress(bytesDone());
      await keeper.keepSometimes(state, hash, taken);
    };
    await transferFile(sink, index, remote, state, { ...options, length: rangeBytes(total), onTaken });
    await keeper.keep();
  }
}

/** Writes the journal, not more often than is worth it. */
class Keeper {
  #unkept = 0;

  constructor(
    private readonly sink: Sink,
    private readonly options: TransferOptions,
    private readonly interval: number,
  ) {}

  async keepSometimes(state: FileState, hash: ResumableHash, taken: number): Promise<void> {
    this.#unkept += taken;
    if (this.#unkept < this.interval) return;
    state.hash = hash.save();
    await this.keep();
  }

  async keep(): Promise<void> {
    const { folder, journal } = this.options;
    journal.rows = await this.sink.sync();
    await writeJournal(folder, journal);
    this.#unkept = 0;
  }
}

interface FileOptions {
  length: number;
  onTaken: (hash: ResumableHash, taken: number) => Promise<void>;
  signal: AbortSignal;
}

async function transferFile(
  sink: Sink,
  index: number,
  remote: RemoteFile,
  state: FileState,
  { length, onTaken, signal }: FileOptions,
): Promise<void> {
  const { path, size, sha256 } = remote.file;
  const hash = await ResumableHash.create(state.hash);
  let rest: Uint8Array = new Uint8Array();
  for await (const part of orderedRanges(remote, state.position, length, signal)) {
    rest = rest.length === 0 ? part : Buffer.concat([rest, part]);
    for (let taken = -1; taken !== 0 && rest.length > 0; ) {
      signal.throwIfAborted();
      taken = await sink.take(index, state.position, rest);
      await hash.update(rest.subarray(0, taken));
      rest = rest.subarray(taken);
      state.position += taken;
      if (taken > 0) await onTaken(hash, taken);
    }
  }
  const digest = hash.digest();
  state.hash = undefined;
  if (digest === sha256 && state.position === size) return;
  throw new WrongContentError(
    `What came for ${show(path)} has the SHA-256 ${digest}, but the hub says ${sha256}: it was damaged or changed on the ` +
      'way. The download was discarded; start it again.',
  );
}
