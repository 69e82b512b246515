/**
 * A hub on this machine: the API, the files, and a store on another port (another origin) that large files are redirected
 * to, by signed addresses. It counts what it serves and who sends it a token, and may be told to misbehave.
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';

export type Place = 'hub' | 'store';

/** Answers a request wrongly. @returns false to leave it to the server */
export type Mischief = (request: IncomingMessage, response: ServerResponse, place: Place) => boolean;

export interface HubFiles {
  [path: string]: Uint8Array;
}

/** The files of a folder, by name. */
export function folderFiles(folder: string): HubFiles {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

const isLarge = (path: string): boolean => /\.(safetensors|gguf)$/.test(path);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const gitOid = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

const PIECE = 16 * 1024;

export class HubServer {
  readonly id: string;
  /** Files of each commit. */
  readonly commits = new Map<string, HubFiles>();
  /** Branches and tags. */
  readonly revisions = new Map<string, string>();
  mischief: Mischief | undefined;
  /** A token without which nothing is given. */
  requiredToken: string | undefined;
  /** Bytes of contents that were sent. */
  served = 0;
  /** Called when more of them were sent. */
  onServed: (() => void) | undefined;
  /** Where files are redirected to; by default the store itself. */
  storeName: string | undefined;
  /** Milliseconds between two pieces of 16 KiB. */
  delay = 0;
  readonly requests: { place: Place; url: string; authorization: string | undefined }[] = [];
  /** Entries of the listing, after they were made. */
  editListing: ((entries: Record<string, unknown>[]) => unknown) | undefined;
  readonly #hub = http.createServer((request, response) => this.#answer('hub', request, response));
  readonly #store = http.createServer((request, response) => this.#answer('store', request, response));
  readonly #sockets = new Set<Socket>();

  private constructor(id: string) {
    this.id = id;
  }

  static async start(files: HubFiles, id = 'test/model'): Promise<HubServer> {
    const server = new HubServer(id);
    server.push(files);
    for (const one of [server.#hub, server.#store]) {
      one.on('connection', (socket) => {
        server.#sockets.add(socket.on('error', () => {}).on('close', () => server.#sockets.delete(socket)));
      });
      await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
    }
    return server;
  }

  /** A new commit on a branch. @returns its hash */
  push(files: HubFiles, branch = 'main'): string {
    const commit = createHash('sha1').update(`${branch} ${this.commits.size}`).digest('hex');
    this.commits.set(commit, files);
    this.revisions.set(branch, commit);
    return commit;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#hub.address() as AddressInfo).port}`;
  }

  get store(): string {
    return `http://127.0.0.1:${(this.#store.address() as AddressInfo).port}`;
  }

  /** Tokens that were sent to a place. */
  tokens(place: Place): string[] {
    return this.requests.flatMap(({ place: at, authorization }) =>
      at === place && authorization !== undefined ? [authorization] : [],
    );
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([this.#hub, this.#store].map((one) => new Promise((resolve) => one.close(resolve))));
  }

  #answer(place: Place, request: IncomingMessage, response: ServerResponse): unknown {
    const url = new URL(request.url ?? '/', 'http://any');
    this.requests.push({ place, url: url.pathname, authorization: request.headers.authorization });
    if (this.mischief?.(request, response, place)) return;
    if (place === 'store') return this.#answerStore(url, request, response);
    if (this.requiredToken !== undefined && request.headers.authorization !== `Bearer ${this.requiredToken}`) {
      return refuse(response, 401, 'GatedRepo');
    }
    const [, api, tree] = new RegExp(`^/api/models/${this.id}/(revision|tree)/([^/]+)$`).exec(url.pathname) ?? [];
    if (api === 'revision') return this.#answerRevision(decodeURIComponent(tree as string), response);
    if (api === 'tree') return this.#answerTree(tree as string, response);
    const [, commit, path] = new RegExp(`^/${this.id}/resolve/([^/]+)/(.+)$`).exec(url.pathname) ?? [];
    const content = this.commits.get(commit ?? '')?.[decodeURIComponent(path ?? '')];
    if (content === undefined)
      return refuse(response, 404, url.pathname.startsWith('/api') ? 'RepoNotFound' : 'EntryNotFound');
    return this.#answerResolve(commit as string, decodeURIComponent(path as string), content, request, response);
  }

  #answerRevision(revision: string, response: ServerResponse): unknown {
    const sha = this.revisions.get(revision) ?? (this.commits.has(revision) ? revision : undefined);
    if (sha === undefined) return refuse(response, 404, 'RevisionNotFound');
    return sendJson(response, { id: this.id, sha });
  }

  #answerTree(commit: string, response: ServerResponse): unknown {
    const files = this.commits.get(commit);
    if (files === undefined) return refuse(response, 404, 'RevisionNotFound');
    const entries = Object.entries(files).map(([path, bytes]): Record<string, unknown> => {
      const lfs = isLarge(path) ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } } : {};
      return { type: 'file', path, size: bytes.length, oid: gitOid(bytes), ...lfs };
    });
    return sendJson(response, this.editListing?.(entries) ?? entries);
  }

  #answerResolve(
    commit: string,
    path: string,
    content: Uint8Array,
    request: IncomingMessage,
    response: ServerResponse,
  ): unknown {
    if (!isLarge(path)) {
      response.setHeader('x-repo-commit', commit);
      response.setHeader('etag', `"${gitOid(content)}"`);
      return this.#send(content, request, response);
    }
    return response
      .writeHead(302, {
        location: `${this.storeName ?? this.store}/${commit}/${encodeURIComponent(path)}?signature=${sha256(content).slice(0, 8)}`,
        'x-repo-commit': commit,
        'x-linked-size': content.length,
        'x-linked-etag': `"${sha256(content)}"`,
      })
      .end();
  }

  #answerStore(url: URL, request: IncomingMessage, response: ServerResponse): unknown {
    const [, commit = '', path = ''] = url.pathname.split('/');
    const content = this.commits.get(commit)?.[decodeURIComponent(path)];
    if (content === undefined) return refuse(response, 404);
    if (url.searchParams.get('signature') !== sha256(content).slice(0, 8)) return refuse(response, 403);
    response.setHeader('etag', `"${sha256(content).slice(0, 32)}"`);
    return this.#send(content, request, response);
  }

  async #send(content: Uint8Array, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const [begin, end] = first === undefined ? [0, content.length] : [Number(first), Number(last) + 1];
    if (first !== undefined) response.setHeader('content-range', `bytes ${begin}-${end - 1}/${content.length}`);
    response.writeHead(first === undefined ? 200 : 206, { 'content-length': end - begin });
    for (let at = begin; at < end && !response.destroyed; at += PIECE) {
      const piece = content.subarray(at, Math.min(end, at + PIECE));
      this.served += piece.length;
      this.onServed?.();
      if (!response.write(piece))
        await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
      if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay));
    }
    response.end();
  }
}

export function refuse(response: ServerResponse, status: number, code?: string): unknown {
  return response.writeHead(status, code === undefined ? {} : { 'x-error-code': code }).end();
}

export function sendJson(response: ServerResponse, value: unknown): unknown {
  return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
