/**
 * GET of a URL that a stranger may have written. The name is resolved once for each hop, every answer is checked, and
 * the connection is made to the checked addresses, so that no redirect and no second look at the name leads elsewhere.
 * Nothing is shared between calls: no connection, no cookie, no proxy, no credentials.
 */

import { promises as dns, type LookupAddress } from 'node:dns';
import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';

import { abortable } from '../abortable.js';
import { show } from '../check.js';
import { BllossomError, ConnectionError, ImageLimitError, InvalidArgumentError } from '../errors.js';
import { isPublicAddress } from './address-guard.js';

export interface FetchOptions {
  maxBytes: number;
  /** Seconds for everything: names, connections, redirects, body. */
  timeout: number;
  maxRedirects: number;
  /** Whether addresses that are not public (this machine, the local network) may be reached. */
  allowPrivateAddresses: boolean;
  signal?: AbortSignal | undefined;
  /** All addresses of a name; by default those of the operating system. */
  lookup?: ((name: string) => Promise<LookupAddress[]>) | undefined;
}

const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * @returns the body of the answer with status 200
 * @throws {InvalidArgumentError} for a scheme, credentials or an address that is not allowed, on any hop
 * @throws {ConnectionError} when the name, the network, TLS, the status or a redirect fails, or the time is up
 * @throws {ImageLimitError} above `maxBytes`
 * @throws the reason of `signal`
 */
export async function fetchBytes(url: URL, options: FetchOptions): Promise<Buffer> {
  const { signal, release } = startDeadline(url, options);
  let target = new URL(url); // the caller's may change meanwhile
  try {
    for (let redirects = 0; ; redirects++) {
      const response = await get(target, await resolve(target, options, signal), signal);
      const next = redirectTarget(response, target);
      if (next === null) return await readBody(response, target, options.maxBytes);
      response.destroy();
      if (redirects >= options.maxRedirects) {
        throw new ConnectionError(
          `The image URL was redirected more than ${options.maxRedirects} times. Pass the URL of the image itself.`,
        );
      }
      target = next;
    }
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof BllossomError) throw cause;
    throw new ConnectionError(
      `The image could not be fetched from ${show(target.host)}: ${reasonOf(cause)}. Check the URL and the network.`,
      { cause },
    );
  } finally {
    release();
  }
}

/** A signal that the caller's signal and the time limit abort, whichever is first. */
function startDeadline(url: URL, { timeout, signal: given }: FetchOptions) {
  const controller = new AbortController();
  const late = new ConnectionError(
    `The image was not fetched from ${show(url.host)} within ${timeout} s. Raise network.timeout, or pass the file.`,
  );
  const timer = setTimeout(() => controller.abort(late), timeout * 1000);
  const onAbort = () => controller.abort(given?.reason);
  if (given?.aborted) onAbort();
  given?.addEventListener('abort', onAbort, { once: true });
  const release = () => {
    clearTimeout(timer);
    given?.removeEventListener('abort', onAbort);
  };
  return { signal: controller.signal, release };
}

/** The addresses of a URL's host, all of them allowed. */
async function resolve(url: URL, options: FetchOptions, signal: AbortSignal): Promise<LookupAddress[]> {
  signal.throwIfAborted();
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InvalidArgumentError(`Expected an http or https URL for image but received ${show(url.protocol)}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError('The image URL holds a user name or a password. Remove them, or pass the file.');
  }
  const name = hostOf(url);
  const family = isIP(name);
  const { lookup = systemLookup } = options;
  const addresses = family > 0 ? [{ address: name, family }] : await abortable(lookup(name), signal);
  if (addresses.length === 0) throw new Error('its name has no address');
  const refused = options.allowPrivateAddresses
    ? undefined
    : addresses.find(({ address }) => !isPublicAddress(address))?.address;
  if (refused !== undefined) {
    const subject = refused === name ? refused : `${refused}, the address of ${show(name)},`;
    throw new InvalidArgumentError(
      `${subject} is not a public address, so no image is fetched from it. ` +
        'Set network.allowPrivateAddresses to true if the URL can be trusted.',
    );
  }
  return addresses;
}

const systemLookup = (name: string) => dns.lookup(name, { all: true });

/** Without the brackets of an IPv6 address. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** Sends the request to one of `addresses`, whatever the name of the host means by now. */
function get(url: URL, addresses: LookupAddress[], signal: AbortSignal): Promise<IncomingMessage> {
  const lookup: LookupFunction = (_name, { all }, done) => {
    const [first] = addresses as [LookupAddress];
    if (all) done(null, addresses);
    else done(null, first.address, first.family);
  };
  const options: RequestOptions = {
    ...{ protocol: url.protocol, host: hostOf(url), port: url.port, path: url.pathname + url.search },
    headers: { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': 'node-bllossom' },
    agent: false, // one of its own, which knows no proxy and keeps no connection
    lookup,
    signal,
  };
  return new Promise((answer, reject) => {
    (url.protocol === 'https:' ? https : http)
      .request(options, answer)
      .on('error', reject)
      .on('close', () => reject(new Error('the connection was closed without an answer'))) // as after status 101
      .end();
  });
}

/** Where a response leads, or null when it is the answer itself. */
function redirectTarget({ statusCode = 0, headers: { location } }: IncomingMessage, from: URL): URL | null {
  if (!REDIRECTS.includes(statusCode)) return null;
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new ConnectionError(
      `${show(from.host)} redirects the image URL to nowhere. Pass the URL of the image itself.`,
    );
  }
  const next = new URL(location, from);
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw new ConnectionError(
      `${show(from.host)} redirects the image URL from https to http, which anybody on the way could change. ` +
        'Pass the URL of the image itself.',
    );
  }
  return next;
}

async function readBody(response: IncomingMessage, { host }: URL, maxBytes: number): Promise<Buffer> {
  try {
    const { statusCode, headers } = response;
    if (statusCode !== 200) {
      throw new ConnectionError(`${show(host)} answered ${statusCode} instead of an image. Check the URL.`);
    }
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity') {
      throw new ConnectionError(
        `${show(host)} sent the image with content-encoding ${show(encoding)}, which was not asked for. Pass the file.`,
      );
    }
    checkLength(Number(headers['content-length'] ?? 0), maxBytes);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      checkLength(length, maxBytes);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  } finally {
    response.destroy();
  }
}

function checkLength(length: number, maxBytes: number): void {
  if (length > maxBytes) {
    throw new ImageLimitError(
      `The image of the URL has at least ${length} bytes; the limit is ${maxBytes}. Pass a smaller or stronger compressed file.`,
    );
  }
}

/** Errors of several attempts to connect have a code, but no message. */
function reasonOf(cause: unknown): string {
  const { message, code } = cause as NodeJS.ErrnoException;
  return message || code || String(cause);
}
