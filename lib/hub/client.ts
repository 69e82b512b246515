/** One request to the hub: redirects, token, proxy and limits. What an answer means is for others. */

import type { Readable } from 'node:stream';
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { show } from '../check.js';
import { BllossomError, ConnectionError } from '../errors.js';
import type { HubAccess } from './access.js';
import { AddressRule, type NameLookup } from './address-rule.js';
import type { AnswerHead } from './refusals.js';
import { PATIENT, type RetryPolicy, TransientError } from './transient.js';

export interface ClientOptions {
  retry?: RetryPolicy | undefined;
  /** All addresses of a name; by default those of the operating system. */
  lookup?: NameLookup | undefined;
}

export interface Answer extends AnswerHead {
  body: Readable;
  /** Where the answer came from. */
  url: URL;
  /** The redirects on the way. */
  hops: AnswerHead[];
}

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 5;
const CONNECT_SECONDS = 20;

export class HubClient {
  readonly endpoint: URL;
  readonly retry: RetryPolicy;
  readonly #token: string | undefined;
  readonly #rule: AddressRule;
  readonly #dispatcher: Dispatcher;

  constructor({ endpoint, token }: HubAccess, { retry = PATIENT, lookup }: ClientOptions = {}) {
    this.endpoint = endpoint;
    this.retry = retry;
    this.#token = token;
    this.#rule = new AddressRule(endpoint, lookup);
    this.#dispatcher = new EnvHttpProxyAgent({
      connect: { lookup: this.#rule.lookup, timeout: 1000 * CONNECT_SECONDS },
      headersTimeout: 1000 * retry.stall,
      bodyTimeout: 1000 * retry.stall,
    });
  }

  /** An address of the hub. `path` begins with a slash and is encoded. */
  urlOf(path: string): URL {
    return new URL(this.endpoint.pathname.replace(/\/$/, '') + path, this.endpoint.origin);
  }

  /**
   * GET, redirects followed. The caller reads the body to its end or destroys it.
   *
   * @throws TransientError when the network fails; ConnectionError when the hub leads somewhere it must not; the signal's
   * reason
   */
  async get(from: URL, signal: AbortSignal, headers: Record<string, string> = {}): Promise<Answer> {
    const hops: AnswerHead[] = [];
    for (let url = from; ; ) {
      const { statusCode, headers: given, body } = await this.#send(url, signal, headers);
      const head: AnswerHead = { status: statusCode, headers: flat(given) };
      const { location } = head.headers;
      if (!REDIRECTS.includes(statusCode)) return { ...head, body, url, hops };
      discard(body);
      hops.push(head);
      if (hops.length > MAX_REDIRECTS) {
        throw new ConnectionError(`${show(from.host)} redirects more than ${MAX_REDIRECTS} times; check HF_ENDPOINT`);
      }
      url = redirectTarget(url, location);
    }
  }

  async #send(url: URL, signal: AbortSignal, headers: Record<string, string>) {
    this.#rule.check(url);
    const isHub = url.origin === this.endpoint.origin;
    try {
      return await request(url, {
        dispatcher: this.#dispatcher,
        signal,
        headers: {
          ...{ 'accept-encoding': 'identity', 'user-agent': 'node-bllossom', ...headers },
          ...(isHub && this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
        },
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw networkFailure(cause, url.host);
    }
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }
}

/** Reads a body that is not worth much, so that it cannot be endless. @throws as `get`; ConnectionError above the limit */
export async function readBody({ body, url }: Answer, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) {
        throw new ConnectionError(`${show(url.host)} sends more than the ${maxBytes} bytes that were to come`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  } catch (cause) {
    signal.throwIfAborted();
    throw networkFailure(cause, url.host);
  } finally {
    discard(body);
  }
}

/** Ends a body that nobody reads. */
export function discard(body: Readable): void {
  body.on('error', () => {}).destroy();
}

/** A failure of the network; one of ours stays what it is. */
export function networkFailure(cause: unknown, host: string): Error {
  if (cause instanceof BllossomError || cause instanceof TransientError) return cause;
  const { message, code } = cause as NodeJS.ErrnoException;
  return new TransientError(`The connection to ${show(host)} failed: ${message || code}`, undefined, { cause });
}

/** @throws ConnectionError */
export function redirectTarget(from: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new ConnectionError(`${show(from.host)} redirects to nowhere; check HF_ENDPOINT`);
  }
  const next = new URL(location, from);
  if (next.protocol !== 'https:' && (next.protocol !== 'http:' || from.protocol === 'https:')) {
    throw new ConnectionError(
      `${show(from.host)} redirects from ${from.protocol.slice(0, -1)} to ${show(next.protocol.slice(0, -1))}, which ` +
        'anybody on the way could change; check HF_ENDPOINT',
    );
  }
  if (next.username !== '' || next.password !== '') {
    throw new ConnectionError(`${show(from.host)} redirects to an address with a password; check HF_ENDPOINT`);
  }
  return next;
}

function flat(headers: Record<string, string | string[] | undefined>): AnswerHead['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat()[0]]));
}
