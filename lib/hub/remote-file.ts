/** One file of a repository, read by range. */

import { show } from '../check.js';
import { ConnectionError } from '../errors.js';
import { type Answer, discard, type HubClient, readBody } from './client.js';
import type { AnswerHead } from './refusals.js';
import { refusalOf } from './refusals.js';
import { contentUrl, type HubFile, type Repository } from './repository.js';
import { retrying, TransientError } from './transient.js';

/** The hub and its stores agree on a file by headers of these names; each must say what the listing says. */
const PROMISES: readonly [header: string, promised: (repository: Repository, file: HubFile) => string | undefined][] = [
  ['x-repo-commit', ({ commit }) => commit],
  ['x-linked-size', (_, { size }) => String(size)],
  ['x-linked-etag', (_, { sha256 }) => sha256],
];

/** What a store answers to a signed address that is no longer good. */
const EXPIRED = [400, 401, 403, 404, 410];

export class RemoteFile {
  readonly #address: URL;
  /** Where the hub has sent us: a signed address, good for a while. */
  #store: URL | undefined;
  /** Of the first answer; the parts of a file must be parts of one. */
  #etag: string | undefined;

  constructor(
    private readonly client: HubClient,
    private readonly repository: Repository,
    readonly file: HubFile,
    private readonly onBytes: (count: number) => void = () => {},
  ) {
    this.#address = contentUrl(client, repository, file.path);
  }

  /** @throws ModelNotFoundError; ConnectionError, also when the file changes between two reads; the signal's reason */
  read(offset: number, length: number, signal: AbortSignal): Promise<Buffer> {
    if (length === 0) return Promise.resolve(Buffer.alloc(0));
    return retrying(this.client.retry, signal, () => this.#attempt(offset, length, signal));
  }

  async #attempt(offset: number, length: number, signal: AbortSignal): Promise<Buffer> {
    const answer = await this.client.get(this.#store ?? this.#address, signal, {
      range: `bytes=${offset}-${offset + length - 1}`,
      ...(this.#etag !== undefined && { 'if-range': this.#etag }),
    });
    try {
      this.#checkPromises(answer);
      this.#checkPart(answer, offset, length);
      const bytes = await readBody(answer, length, signal);
      if (bytes.length < length) throw new TransientError(`${show(answer.url.host)} ended ${this.#subject} early`);
      this.#store = answer.url;
      this.onBytes(length);
      return bytes;
    } finally {
      discard(answer.body);
    }
  }

  #checkPromises(answer: Answer): void {
    const ofHub: AnswerHead[] =
      answer.url.origin === this.client.endpoint.origin ? [...answer.hops, answer] : answer.hops;
    for (const { headers } of ofHub) {
      for (const [name, promised] of PROMISES) {
        const [given, expected] = [unquoted(headers[name]), promised(this.repository, this.file)];
        if (given === undefined || expected === undefined || given === expected) continue;
        throw new ConnectionError(
          `The hub lists ${this.#subject} with ${expected}, but answers with ${name} ${show(given)}; try again later`,
        );
      }
    }
  }

  #checkPart(answer: Answer, offset: number, length: number): void {
    const { status, headers } = answer;
    const isWhole = offset === 0 && length === this.file.size;
    if (status !== 206 && !(status === 200 && (isWhole || this.#etag !== undefined))) throw this.#refusal(answer);
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding !== 'identity') {
      throw this.#wrong(answer, `content-encoding ${show(encoding)}, which was not asked for`);
    }
    this.#checkSame(answer, isWhole);
    const expected = `bytes ${offset}-${offset + length - 1}/${this.file.size}`;
    if (status === 206 && headers['content-range'] !== expected) {
      throw this.#wrong(answer, `content-range ${show(headers['content-range'])} instead of "${expected}"`);
    }
    const announced = headers['content-length'] ?? String(length);
    if (announced !== String(length)) throw this.#wrong(answer, `${show(announced)} bytes instead of ${length}`);
  }

  /** A part must be of the file that the parts before it are of. */
  #checkSame({ status, headers: { etag } }: Answer, isWhole: boolean): void {
    const isChanged = this.#etag !== undefined && (etag !== this.#etag || (status === 200 && !isWhole));
    if (isChanged) {
      throw new ConnectionError(
        `${this.#subject} was changed on the hub while it was downloaded; its parts do not go together. Call it again.`,
      );
    }
    if (etag !== undefined && !etag.startsWith('W/')) this.#etag = etag;
  }

  /** An answer that is neither the file nor a part of it. */
  #refusal(answer: Answer): Error {
    if (answer.status === 200) return this.#wrong(answer, 'the whole file where a part was asked for');
    const isExpired = answer.url.origin !== this.client.endpoint.origin && EXPIRED.includes(answer.status);
    if (!isExpired) return refusalOf(answer, this.#subject, answer.url.host);
    this.#store = undefined;
    return new TransientError(`${show(answer.url.host)} answered ${answer.status} for ${this.#subject}`);
  }

  #wrong({ url }: Answer, what: string): ConnectionError {
    return new ConnectionError(
      `${show(url.host)} sent ${this.#subject} with ${what}; check the network and HF_ENDPOINT`,
    );
  }

  get #subject(): string {
    return `file ${show(this.file.path)} of model ${this.repository.id}`;
  }
}

function unquoted(value: string | undefined): string | undefined {
  return value?.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');
}
