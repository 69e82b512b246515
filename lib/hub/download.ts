/** What the two ways to a model file share: a repository at a commit, a folder, a journal. */

import { createHash } from 'node:crypto';
import type { ConversionType } from '../convert/types.js';
import { ModelFormatError } from '../errors.js';
import type { ModelSource } from '../models/record.js';
import type { HubClient } from './client.js';
import type { DownloadFolder } from './download-folder.js';
import { fits, type Journal, newJournal } from './journal.js';
import type { RemoteFile } from './remote-file.js';
import type { HubFile, Repository } from './repository.js';

export interface Download {
  client: HubClient;
  repository: Repository;
  /** That was asked for. */
  revision: string;
  type: ConversionType;
  threads: number;
  folder: DownloadFolder;
  /** Of a download that was interrupted. */
  journal: Journal | undefined;
  /** Bytes that come from the network. */
  onBytes: (count: number) => void;
  onProgress: (bytesDone: number, bytesTotal: number) => void;
  signal: AbortSignal;
}

/** Large files are verified by what the hub says of them. @throws ModelFormatError */
export function checkHashed(file: HubFile): ModelSource {
  if (file.sha256 !== undefined) return { file: file.path, size: file.size, sha256: file.sha256 };
  throw new ModelFormatError(
    `The hub tells no SHA-256 of ${file.path}, so it cannot be verified; convert a local copy`,
  );
}

/** Where the download stands: the journal of an earlier one that was planned the same, or a new one. */
export function planJournal(
  { repository, revision, journal }: Download,
  remotes: readonly RemoteFile[],
  { plan, rows }: { plan: unknown; rows: number[] },
): Journal {
  const fingerprint = createHash('sha256').update(JSON.stringify(plan)).digest('hex');
  const facts = { repository: repository.id, revision, commit: repository.commit, fingerprint, rows };
  const planned = newJournal(
    facts,
    remotes.map(({ file }) => file.path),
  );
  const isSame =
    journal !== undefined &&
    fits(
      journal,
      planned,
      remotes.map(({ file }) => file.size),
    );
  return isSame ? journal : planned;
}
