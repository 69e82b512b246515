/** What a repository holds at one commit. */

import { show } from '../check.js';
import { isObject } from '../convert/json.js';
import { ConnectionError, ModelFormatError } from '../errors.js';
import { discard, type HubClient, readBody } from './client.js';
import { checkHubPath, checkNoClash } from './names.js';
import { refusalOf } from './refusals.js';
import { retrying } from './transient.js';

export interface HubFile {
  /** In the repository, parts separated by "/". */
  path: string;
  /** Bytes. */
  size: number;
  /** Of large files: SHA-256 of the content. */
  sha256: string | undefined;
  /** Of the others: git's SHA-1 of the content as a blob. */
  gitOid: string;
}

export interface Repository {
  /** "owner/name" */
  id: string;
  /** 40 hexadecimal digits. */
  commit: string;
  files: ReadonlyMap<string, HubFile>;
}

const MAX_JSON_BYTES = 8 * 1024 * 1024;
const MAX_FILES = 20_000;
const MAX_PAGES = 100;

/**
 * The commit that a branch, a tag or the beginning of a commit means now.
 *
 * @throws ModelNotFoundError, ConnectionError; the signal's reason
 */
export async function resolveCommit(client: HubClient, id: string, revision: string, signal: AbortSignal) {
  const url = client.urlOf(`/api/models/${id}/revision/${encodeURIComponent(revision)}`);
  const { value } = await getJson(client, url, `model ${id} at ${show(revision)}`, signal);
  const sha = isObject(value) ? value.sha : undefined;
  if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha)) {
    throw new ConnectionError(`${show(client.endpoint.host)} told no commit of ${id}; check HF_ENDPOINT`);
  }
  return sha;
}

/**
 * Lists all files at a commit.
 *
 * @throws ModelNotFoundError, ConnectionError; ModelFormatError for names or hashes that cannot be; the signal's reason
 */
export async function openRepository(client: HubClient, id: string, commit: string, signal: AbortSignal) {
  const files = new Map<string, HubFile>();
  let url: URL | undefined = client.urlOf(`/api/models/${id}/tree/${commit}?recursive=true`);
  for (let page = 0; url !== undefined; page++) {
    const { value, next } = await getJson(client, url, `model ${id} at ${commit}`, signal);
    if (!Array.isArray(value) || page >= MAX_PAGES || files.size + value.length > MAX_FILES) {
      throw new ConnectionError(`${show(client.endpoint.host)} gave no list of at most ${MAX_FILES} files for ${id}`);
    }
    for (const file of value.map(readFile)) if (file !== undefined) files.set(file.path, file);
    url = next;
  }
  checkNoClash(files.keys());
  return { id, commit, files } satisfies Repository;
}

/** Where the content of a file is got. */
export function contentUrl(client: HubClient, { id, commit }: Repository, path: string): URL {
  return client.urlOf(`/${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`);
}

function readFile(entry: unknown): HubFile | undefined {
  const { type, path, size, oid, lfs } = isObject(entry) ? entry : {};
  if (typeof path !== 'string') throw new ConnectionError('The hub lists a file without a name; check HF_ENDPOINT');
  if (type !== 'file') return undefined;
  checkHubPath(path);
  if (!isSize(size) || !isHex(oid, 40)) throw wrongEntry(path);
  if (lfs === undefined || lfs === null) return { path, size, sha256: undefined, gitOid: oid };
  if (!isObject(lfs) || !isHex(lfs.oid, 64) || lfs.size !== size) throw wrongEntry(path);
  return { path, size, sha256: lfs.oid, gitOid: oid };
}

function wrongEntry(path: string): ModelFormatError {
  return new ModelFormatError(
    `The hub lists ${show(path)} with a size or a hash that cannot be; nothing is downloaded`,
  );
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isHex = (value: unknown, digits: number): value is string =>
  typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);

async function getJson(client: HubClient, url: URL, subject: string, signal: AbortSignal) {
  const answer = await retrying(client.retry, signal, async () => {
    const response = await client.get(url, signal, { accept: 'application/json' });
    if (response.status !== 200) {
      discard(response.body);
      throw refusalOf(response, subject, response.url.host);
    }
    return { text: await readBody(response, MAX_JSON_BYTES, signal), link: response.headers.link };
  });
  return { value: parse(answer.text, url), next: nextPage(answer.link, url) };
}

function parse(text: Buffer, { host }: URL): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch (cause) {
    throw new ConnectionError(`${show(host)} answered with something else than JSON; check HF_ENDPOINT`, { cause });
  }
}

/** `Link: <…>; rel="next"`, which stays at the hub. */
function nextPage(link: string | undefined, from: URL): URL | undefined {
  const target = /<([^>]+)>\s*;\s*rel="next"/.exec(link ?? '')?.[1];
  if (target === undefined) return undefined;
  const next = URL.canParse(target, from.href) ? new URL(target, from.href) : undefined;
  if (next?.origin !== from.origin) {
    throw new ConnectionError(`${show(from.host)} continues its list of files at another address; check HF_ENDPOINT`);
  }
  return next;
}
