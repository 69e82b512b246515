/** A GGUF file of the hub is copied. */

import { constants } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import type { ModelSource } from '../models/record.js';
import { checkHashed, type Download, planJournal } from './download.js';
import { checkSpace, failed } from './download-folder.js';
import { isComplete, newJournal } from './journal.js';
import { RemoteFile } from './remote-file.js';
import type { HubFile } from './repository.js';
import { type Sink, transfer } from './transfer.js';

const { O_RDWR, O_CREAT, O_NOFOLLOW = 0 } = constants;

/** Leaves the whole model file in the download's folder. */
export async function pullGguf(download: Download, file: HubFile): Promise<ModelSource[]> {
  const { client, repository, folder, signal, onBytes, onProgress } = download;
  const remote = new RemoteFile(client, repository, file, onBytes);
  const sources = [checkHashed(file)];
  const journal = planJournal(download, [remote], { plan: sources, rows: [] });
  if (isComplete(journal, [file.size]) && (await folder.wholeModelBytes()) === file.size) return sources;

  const temporary = `${folder.model}.tmp`;
  const kept = await open(temporary, O_RDWR | O_CREAT | O_NOFOLLOW, 0o644).catch((cause) =>
    failed('create', temporary, cause),
  );
  try {
    const { size: have } = await kept.stat();
    const standing = have < (journal.files[0]?.position ?? 0) ? newJournal(journal, [file.path]) : journal;
    await checkSpace(folder.path, file.size - have);
    const sink = new CopySink(kept, temporary);
    const progress = (done: number) => onProgress(done, file.size);
    await transfer(sink, { folder, journal: standing, remotes: [remote], signal, onProgress: progress });
    await kept.truncate(file.size);
    await kept.datasync();
  } finally {
    await kept.close();
  }
  await rename(temporary, folder.model).catch((cause) => failed('rename', temporary, cause));
  return sources;
}

class CopySink implements Sink {
  constructor(
    private readonly target: FileHandle,
    private readonly path: string,
  ) {}

  async take(_file: number, position: number, bytes: Uint8Array): Promise<number> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.target
        .write(bytes, done, bytes.length - done, position + done)
        .catch((cause) => failed('write', this.path, cause));
      done += bytesWritten;
    }
    return bytes.length;
  }

  async sync(): Promise<number[]> {
    await this.target.datasync().catch((cause) => failed('write', this.path, cause));
    return [];
  }
}
