/** The files of a checkpoint as they lie on the hub: the small ones are downloaded whole, of shards only the headers. */

import { createHash } from 'node:crypto';
import { show } from '../check.js';
import type { CheckpointFiles, RandomAccessFile } from '../convert/tensor-source.js';
import { ModelFormatError } from '../errors.js';
import type { ModelSource } from '../models/record.js';
import type { HubClient } from './client.js';
import { type DownloadFolder, MAX_SMALL_BYTES } from './download-folder.js';
import { RemoteFile } from './remote-file.js';
import type { HubFile, Repository } from './repository.js';
import { WrongContentError } from './transfer.js';

/** What was read of a shard from its start on, to be compared when it comes a second time. */
export interface Header {
  bytes: number;
  sha256: string;
}

export class HubCheckpointFiles implements CheckpointFiles {
  readonly location: string;
  readonly headers = new Map<string, Header>();
  /** The small files that were read. */
  readonly sources: ModelSource[] = [];

  constructor(
    private readonly client: HubClient,
    private readonly repository: Repository,
    private readonly folder: DownloadFolder,
    private readonly signal: AbortSignal,
    private readonly onBytes: (count: number) => void,
  ) {
    this.location = repository.id;
  }

  async list(): Promise<string[]> {
    return [...this.repository.files.keys()].filter((path) => !path.includes('/'));
  }

  async readText(name: string): Promise<string> {
    const file = this.#find(name);
    const kept = `hub.${name}`;
    const old = await this.folder.read(kept);
    const content = old !== undefined && isContentOf(old, file) ? old : await this.#download(file);
    if (content !== old) await this.folder.write(kept, content);
    this.sources.push({ file: name, size: file.size, sha256: createHash('sha256').update(content).digest('hex') });
    return content.toString('utf8');
  }

  async open(name: string): Promise<RandomAccessFile> {
    const file = this.#find(name);
    const remote = this.remote(file);
    const hash = createHash('sha256');
    let end = 0;
    return {
      size: file.size,
      read: async (offset, length) => {
        const bytes = await remote.read(offset, length, this.signal);
        if (offset === end) {
          end += bytes.length;
          this.headers.set(name, { bytes: end, sha256: hash.update(bytes).copy().digest('hex') });
        }
        return bytes;
      },
      close: async () => {},
    };
  }

  remote(file: HubFile): RemoteFile {
    return new RemoteFile(this.client, this.repository, file, this.onBytes);
  }

  #find(name: string): HubFile {
    const file = this.repository.files.get(name);
    if (file !== undefined) return file;
    throw new ModelFormatError(`${this.repository.id} has no file ${show(name)}; it is not a complete checkpoint`);
  }

  async #download(file: HubFile): Promise<Buffer> {
    if (file.size > MAX_SMALL_BYTES) {
      throw new ModelFormatError(
        `${show(file.path)} of ${this.repository.id} has ${file.size} bytes; the limit is ${MAX_SMALL_BYTES}`,
      );
    }
    const content = await this.remote(file).read(0, file.size, this.signal);
    if (isContentOf(content, file)) return content;
    throw new WrongContentError(
      `What came for ${show(file.path)} is not what the hub lists under that name: it was damaged or changed on the way. ` +
        'Start the download again.',
    );
  }
}

function isContentOf(content: Buffer, { size, sha256, gitOid }: HubFile): boolean {
  if (content.length !== size) return false;
  if (sha256 !== undefined) return createHash('sha256').update(content).digest('hex') === sha256;
  return createHash('sha1').update(`blob ${size}\0`).update(content).digest('hex') === gitOid;
}
