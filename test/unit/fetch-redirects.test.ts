import dns from 'node:dns';
import https from 'node:https';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decodeImage } from '../../lib/image/decode.js';
import { type FetchOptions, fetchBytes } from '../../lib/net/fetch-bytes.js';
import { selfSignedCertificate } from '../support/certificate.js';
import { pngFile } from '../support/png.js';
import {
  names,
  PUBLIC_V4,
  PUBLIC_V6,
  reply,
  routePublicAddresses,
  startCanaries,
  startServer,
} from '../support/small-internet.js';

const PNG = pngFile(1, 1, 8, 2, [1, 2, 3]);
const canaries = await startCanaries();
const REFRESH_TO = `http://127.0.0.1:${canaries.port}/`;
const certificate = selfSignedCertificate('pictures.test');

/** Paths: /a.png is the picture, /to/… redirects to what follows (escaped), /chain/n redirects n times, /status/n with status n. */
function answer(socket: Socket, path: string): void {
  const [, kind, rest = ''] = /^\/(\w+)(?:\/(.*))?$/.exec(path) ?? [];
  const header = headersOf(kind, rest);
  if (header.location !== undefined || kind === 'nowhere')
    reply(socket, kind === 'status' ? Number(rest) : 307, header);
  else if (kind === 'refresh') reply(socket, 200, { refresh: `0; url=${REFRESH_TO}` }, '<html></html>');
  else if (kind === 'meta')
    reply(socket, 200, header, `<!DOCTYPE html><meta http-equiv="refresh" content="0; url=${REFRESH_TO}">`);
  else reply(socket, 200, { ...header, 'set-cookie': 'a=1' }, PNG);
}

function headersOf(kind: string | undefined, rest: string): Record<string, string> {
  if (kind === 'to') return { location: decodeURIComponent(rest) };
  if (kind === 'status') return { location: '/a.png' };
  if (kind === 'chain' && rest !== '0') return { location: `/chain/${Number(rest) - 1}` };
  return kind === 'nowhere' ? {} : { 'content-type': 'image/png' };
}

const server = await startServer(answer);
const secure = await startServer(answer, certificate);

const NAMES = () => ({
  'pictures.test': [[PUBLIC_V4]],
  'six.test': [[PUBLIC_V6]],
  'both.test': [[PUBLIC_V6, PUBLIC_V4]],
  'localhost.test': [['127.0.0.1', '::1']],
  'inside.test': [['10.0.0.7']],
  'mixed.test': [[PUBLIC_V4, '127.0.0.1']],
  'mapped.test': [['::ffff:10.0.0.1']],
  'rebinding.test': [[PUBLIC_V4], ['127.0.0.1']],
  'rebinding6.test': [[PUBLIC_V4], ['::1']],
  'nothing.test': [[]],
});

let lookup: ReturnType<typeof names>;
let route: ReturnType<typeof routePublicAddresses>;
beforeEach(() => {
  lookup = names(NAMES());
  route = routePublicAddresses();
  server.requests.length = 0;
});
afterEach(async () => {
  route.restore();
  vi.restoreAllMocks();
  await Promise.all([server.allClosed(), secure.allClosed()]);
});
afterAll(async () => {
  await Promise.all([server.close(), secure.close(), canaries.close()]);
});

const DEFAULTS = { maxBytes: 1 << 20, timeout: 5, maxRedirects: 3, allowPrivateAddresses: false };
const get = (url: string, options: Partial<FetchOptions> = {}) =>
  fetchBytes(new URL(url), { ...DEFAULTS, lookup, ...options });
const pictures = (path: string) => `http://pictures.test:${server.port}${path}`;
const redirectTo = (location: string) => pictures(`/to/${encodeURIComponent(location)}`);

/** With the test's certificate among those that are trusted. Returns the names that TLS was told to check. */
function trustCertificate(): unknown[] {
  const checked: unknown[] = [];
  const real = https.Agent.prototype.createConnection;
  vi.spyOn(https.Agent.prototype, 'createConnection').mockImplementation(function (
    this: https.Agent,
    options,
    ...rest
  ) {
    checked.push((options as { servername?: string }).servername);
    return real.call(this, { ...options, ca: certificate.cert }, ...rest);
  });
  return checked;
}

describe('a public name', () => {
  test('is looked up once, and the connection made to that address; the server sees the name', async () => {
    const system = vi.spyOn(dns, 'lookup');
    expect(await get(pictures('/a.png?x=1#part'))).toEqual(PNG);
    expect(lookup.mock.calls).toEqual([['pictures.test']]);
    expect(route.reached).toEqual([PUBLIC_V4]);
    expect(system).not.toHaveBeenCalled();
    const [first, ...lines] = (server.requests[0] as string).trimEnd().split('\r\n');
    expect(first).toBe('GET /a.png?x=1 HTTP/1.1');
    expect(Object.fromEntries(lines.map((line) => line.toLowerCase().split(/: (.*)/)))).toEqual({
      accept: 'image/*',
      'accept-encoding': 'identity',
      'user-agent': 'node-bllossom',
      host: `pictures.test:${server.port}`,
      connection: 'close',
    });
  });

  test('is looked up once for each hop', async () => {
    expect(await get(pictures('/chain/3'))).toEqual(PNG);
    expect(lookup.mock.calls).toEqual(Array(4).fill(['pictures.test']));
    expect(route.reached).toEqual(Array(4).fill(PUBLIC_V4));
  });

  test('may have an IPv6 address, or several addresses', async () => {
    expect(await get(`http://six.test:${server.port}/a.png`)).toEqual(PNG);
    expect(await get(`http://both.test:${server.port}/a.png`)).toEqual(PNG);
    expect(await get(`http://[${PUBLIC_V6}]:${server.port}/a.png`)).toEqual(PNG);
    expect(server.requests[2]).toContain(`\r\nHost: [${PUBLIC_V6}]:${server.port}\r\n`);
    expect(lookup).toHaveBeenCalledTimes(2);
    expect(route.reached).toEqual([PUBLIC_V6, PUBLIC_V6, PUBLIC_V4, PUBLIC_V6]); // the candidates of each connection
  });

  test('is reached past the proxies that the environment names, without cookies and without credentials', async () => {
    const proxy = `http://127.0.0.1:${canaries.port}`;
    for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']) vi.stubEnv(name, proxy);
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    await get(pictures('/a.png'));
    await get(pictures('/to/%2Fa.png'));
    vi.unstubAllEnvs();
    for (const request of server.requests) expect(request).not.toMatch(/cookie|authorization|referer|a=1/i);
    expect(route.reached).toEqual(Array(3).fill(PUBLIC_V4));
  });

  test('that rebinds between check and connection gains nothing', async () => {
    expect(await get(`http://rebinding.test:${server.port}/a.png`)).toEqual(PNG);
    expect(lookup).toHaveBeenCalledTimes(1);
    expect(route.reached).toEqual([PUBLIC_V4]);
  });

  test('keeps its meaning when the URL object changes meanwhile', async () => {
    const url = new URL(pictures('/a.png'));
    const fetched = fetchBytes(url, { ...DEFAULTS, lookup });
    url.hostname = '127.0.0.1';
    url.port = String(canaries.port);
    expect(await fetched).toEqual(PNG);
  });

  test.each([301, 302, 303, 307, 308])('is followed after status %d', async (status) => {
    expect(await get(pictures(`/status/${status}`))).toEqual(PNG);
  });

  test.each([300, 304, 305, 306])('is not followed after status %d', async (status) => {
    await expect(get(pictures(`/status/${status}`))).rejects.toMatchObject({ code: 'ERR_CONNECTION' });
    expect(server.requests.length).toBe(1);
  });
});

describe(`redirects and names that lead inside, canaries on ${canaries.addresses.join(' and ')}`, () => {
  const inside = (host: string) => `http://${host}:${canaries.port}/a.png`;
  const own = (host: string, path = '/a.png') => `http://${host}:${server.port}${path}`;

  // scene, URL, requests that the public server sees
  const refused: [string, string, number][] = [
    ['redirect to 127.0.0.1', redirectTo(inside('127.0.0.1')), 1],
    ['redirect to [::1]', redirectTo(inside('[::1]')), 1],
    ['redirect to 2130706433', redirectTo(inside('2130706433')), 1],
    ['redirect to 0x7f.1', redirectTo(inside('0x7f.1')), 1],
    ['redirect to 0177.0.0.1', redirectTo(inside('0177.0.0.1')), 1],
    ['redirect to full-width digits', redirectTo(inside('%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1')), 1],
    ['redirect to [::ffff:127.0.0.1]', redirectTo(inside('[::ffff:127.0.0.1]')), 1],
    ['redirect to [::127.0.0.1]', redirectTo(inside('[::127.0.0.1]')), 1],
    ['redirect to [::ffff:0:127.0.0.1]', redirectTo(inside('[::ffff:0:127.0.0.1]')), 1],
    ['redirect to the metadata service', redirectTo('http://169.254.169.254/latest/meta-data/'), 1],
    ['redirect to a name inside', redirectTo(inside('localhost.test')), 1],
    ['redirect without a scheme to 127.0.0.1', redirectTo(`//127.0.0.1:${canaries.port}/`), 1],
    ['redirect with backslashes to 127.0.0.1', redirectTo(`\\\\127.0.0.1:${canaries.port}\\`), 1],
    ['two hops, then 127.0.0.1', redirectTo(redirectTo(inside('127.0.0.1'))), 2],
    ['redirect to file:', redirectTo('file:///etc/hostname'), 1],
    ['redirect to FILE:', redirectTo('FILE:///etc/hostname'), 1],
    ['redirect to data:', redirectTo(`data:image/png;base64,${PNG.toString('base64')}`), 1],
    ['redirect to ftp:', redirectTo(`ftp://127.0.0.1:${canaries.port}/`), 1],
    ['redirect to javascript:', redirectTo('javascript:1'), 1],
    ['redirect with credentials', redirectTo(`http://user:secret@pictures.test:${server.port}/a.png`), 1],
    ['redirect with credentials to 127.0.0.1', redirectTo(inside('pictures.test@127.0.0.1')), 1],
    ['a public name with a private address', own('inside.test'), 0],
    ['public and private addresses mixed', own('mixed.test'), 0],
    ['AAAA ::ffff:10.0.0.1', own('mapped.test'), 0],
    ['an alias of localhost', inside('localhost.test'), 0],
    ['rebinding to 127.0.0.1 with the redirect', own('rebinding.test', '/chain/1'), 1],
    ['rebinding to ::1 with the redirect', own('rebinding6.test', '/chain/1'), 1],
  ];
  test.each(refused)('%s is refused as misuse', async (_, url, requests) => {
    await expect(get(url)).rejects.toMatchObject({ name: 'InvalidArgumentError', code: 'ERR_INVALID_OPTION' });
    expect(server.requests.length).toBe(requests);
    expect(route.reached).toEqual(Array(requests).fill(PUBLIC_V4));
  });

  const failed: [string, string, RegExp, number][] = [
    ['a chain of 4', pictures('/chain/4'), /redirected more than 3 times/, 4],
    ['a chain of 6', pictures('/chain/6'), /redirected more than 3 times/, 4],
    ['a loop', redirectTo(''), /redirected more than 3 times/, 4],
    ['a redirect to nowhere', pictures('/nowhere'), /redirects the image URL to nowhere/, 1],
    ['a redirect to what is no URL', redirectTo('http://[::1'), /redirects the image URL to nowhere/, 1],
    ['a redirect to a name that does not exist', redirectTo('http://unknown.test/'), /ENOTFOUND/, 1],
    ['a name that does not exist', 'http://unknown.test/', /"unknown\.test".*ENOTFOUND/, 0],
    ['a name without an address', 'http://nothing.test/', /its name has no address/, 0],
  ];
  test.each(failed)('%s fails', async (_, url, message, requests) => {
    const error = await get(url).catch((reason: Error) => reason);
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'ERR_CONNECTION' });
    expect((error as Error).message).toMatch(message);
    expect(server.requests.length).toBe(requests);
  });

  test('no redirect is followed with maxRedirects 0, and ten with 10', async () => {
    const warned = vi.fn();
    process.on('warning', warned);
    await expect(get(pictures('/chain/1'), { maxRedirects: 0 })).rejects.toThrow(/redirected more than 0 times/);
    expect(await get(pictures('/chain/10'), { maxRedirects: 10 })).toEqual(PNG);
    await expect(get(pictures('/chain/11'), { maxRedirects: 10 })).rejects.toThrow(/redirected more than 10 times/);
    await new Promise(setImmediate);
    process.off('warning', warned);
    expect(warned).not.toHaveBeenCalled();
  });

  test.each(['/refresh', '/meta'])('%s: a page with a refresh is no image and leads nowhere', async (path) => {
    const decoded = decodeImage(pictures(path), { fetchUrl: (url, maxBytes) => get(url.href, { maxBytes }) });
    await expect(decoded).rejects.toMatchObject({
      code: 'ERR_IMAGE_DECODE',
      message: expect.stringMatching(/web page, not an image.*address of the image itself/),
    });
  });

  test('none of them reached a canary', () => {
    console.log(`connections to forbidden addresses: ${canaries.connections.length} of ${refused.length} scenes`);
    expect(canaries.connections).toEqual([]);
  });
});

describe('https', () => {
  const url = (host: string, path = '/a.png') => `https://${host}:${secure.port}${path}`;

  test('the certificate is checked against the name, not the address', async () => {
    const checked = trustCertificate();
    expect(await get(url('pictures.test'))).toEqual(PNG);
    await expect(get(url('six.test'))).rejects.toMatchObject({ code: 'ERR_CONNECTION' });
    await expect(get(url('six.test'))).rejects.toThrow(/altnames|Altnames/);
    await expect(get(url(PUBLIC_V4))).rejects.toThrow(/altnames|Altnames/);
    expect(checked).toEqual(['pictures.test', 'six.test', 'six.test', '']);
  });

  test('a certificate that nobody vouches for is refused', async () => {
    const before = secure.requests.length;
    await expect(get(url('pictures.test'))).rejects.toMatchObject({
      code: 'ERR_CONNECTION',
      message: expect.stringContaining('self-signed certificate'),
    });
    expect(secure.requests.length).toBe(before);
  });

  test('a handshake that nobody answers ends in time', async () => {
    await expect(get(`https://pictures.test:${server.port}/`, { timeout: 0.2 })).rejects.toThrow(/within 0\.2 s/);
    expect(server.requests).toEqual([]);
  });

  test('http may redirect to https, https not to http', async () => {
    trustCertificate();
    expect(await get(redirectTo(url('pictures.test')))).toEqual(PNG);
    server.requests.length = 0;
    const down = get(url('pictures.test', `/to/${encodeURIComponent(pictures('/a.png'))}`));
    await expect(down).rejects.toMatchObject({
      code: 'ERR_CONNECTION',
      message: expect.stringMatching(/https to http,/),
    });
    expect(server.requests).toEqual([]);
  });

  test('a redirect inside is refused there as well', async () => {
    trustCertificate();
    const inside = encodeURIComponent(`https://127.0.0.1:${canaries.port}/`);
    await expect(get(url('pictures.test', `/to/${inside}`))).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(canaries.connections).toEqual([]);
  });
});
