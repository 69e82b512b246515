import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decodeImage } from '../../lib/image/decode.js';
import { type FetchOptions, fetchBytes } from '../../lib/net/fetch-bytes.js';
import { patient } from '../support/patience.js';
import { pngFile } from '../support/png.js';
import { names, reply, startServer } from '../support/small-internet.js';

const PNG = pngFile(2, 1, 8, 2, [1, 2, 3, 250, 251, 252]);
const MEGABYTE = 1 << 20;

/** Goes on until the other side closes; an endless source is slowed down by its reader. */
function repeatedly(socket: Socket, milliseconds: number, send: () => void): void {
  const timer = setInterval(send, milliseconds);
  socket.on('close', () => clearInterval(timer));
}

function flood(socket: Socket, chunk: Uint8Array): void {
  const more = () => {
    while (socket.writable && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

const OK = 'HTTP/1.1 200 OK\r\n';
const chunked = (data: Uint8Array) =>
  Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]);

/** What a server may do wrong, by path. */
const ANSWERS: Record<string, (socket: Socket, request: string) => void> = {
  // right
  '/length': (socket) => reply(socket, 200, { 'content-type': 'image/png' }, PNG),
  '/chunked': (socket) => {
    reply(
      socket,
      200,
      { 'transfer-encoding': 'chunked' },
      Buffer.concat([...[...PNG].map((byte) => chunked(Buffer.of(byte))), Buffer.from('0\r\n\r\n')]),
    );
  },
  '/until-close': (socket) => socket.end(Buffer.concat([Buffer.from(`${OK}\r\n`), PNG])),
  '/http-1.0': (socket) => socket.end(Buffer.concat([Buffer.from('HTTP/1.0 200 OK\r\n\r\n'), PNG])),
  '/lying-type': (socket) => reply(socket, 200, { 'content-type': 'text/html' }, PNG),
  '/identity': (socket) => reply(socket, 200, { 'content-encoding': 'Identity' }, PNG),
  '/hints': (socket) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n');
    reply(socket, 200, {}, PNG);
  },
  '/keep-alive': (socket) => {
    socket.write(
      Buffer.concat([Buffer.from(`${OK}connection: keep-alive\r\ncontent-length: ${PNG.length}\r\n\r\n`), PNG]),
    );
  },
  // slow
  '/silent': () => {},
  '/slow-headers': (socket) => {
    socket.write(OK);
    repeatedly(socket, 10, () => socket.write('x-a: b\r\n'));
  },
  '/slow-line': (socket) => {
    socket.write('HTTP/1.1 200 ');
    repeatedly(socket, 10, () => socket.write('.'));
  },
  '/slow-body': (socket) => {
    socket.write(`${OK}content-length: 100000\r\n\r\n`);
    repeatedly(socket, 10, () => socket.write('.'));
  },
  '/stalled-body': (socket) => socket.write(`${OK}content-length: 100\r\n\r\n.`),
  '/slow-chunks': (socket) => {
    socket.write(`${OK}transfer-encoding: chunked\r\n\r\n`);
    repeatedly(socket, 10, () => socket.write('1\r\n.\r\n'));
  },
  '/slow-redirects': (socket) => setTimeout(() => reply(socket, 302, { location: '/slow-redirects' }), 80),
  '/endless-hints': (socket) => repeatedly(socket, 5, () => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n')),
  // large
  '/endless': (socket) => {
    socket.write(`${OK}\r\n`);
    flood(socket, Buffer.alloc(65_536));
  },
  '/endless-chunks': (socket) => {
    socket.write(`${OK}transfer-encoding: chunked\r\n\r\n`);
    flood(socket, chunked(Buffer.alloc(65_536)));
  },
  '/endless-redirect': (socket) => {
    socket.write('HTTP/1.1 302 Found\r\nlocation: /length\r\n\r\n');
    flood(socket, Buffer.alloc(65_536));
  },
  '/announced': (socket) => socket.write(`${OK}content-length: ${MEGABYTE + 1}\r\n\r\n`),
  '/announced-huge': (socket) => socket.write(`${OK}content-length: 9007199254740993000\r\n\r\n`),
  '/announced-less': (socket) => {
    socket.write(`${OK}content-length: 10\r\n\r\n`);
    flood(socket, Buffer.alloc(65_536));
  },
  '/long-headers': (socket) => {
    socket.write(OK);
    flood(socket, Buffer.from(`x-a: ${'b'.repeat(1000)}\r\n`));
  },
  '/exactly': (socket) => reply(socket, 200, {}, Buffer.alloc(MEGABYTE)),
  '/one-more': (socket) =>
    reply(
      socket,
      200,
      { 'transfer-encoding': 'chunked' },
      Buffer.concat([chunked(Buffer.alloc(MEGABYTE + 1)), Buffer.from('0\r\n\r\n')]),
    ),
  // encoded
  '/gzip': (socket) => reply(socket, 200, { 'content-encoding': 'gzip' }, gzipSync(PNG)),
  '/gzip-bomb': (socket) => reply(socket, 200, { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(64 * MEGABYTE))),
  '/twice': (socket) => reply(socket, 200, { 'content-encoding': 'identity, br' }, PNG),
  '/hidden-gzip': (socket) => reply(socket, 200, {}, gzipSync(PNG)),
  // broken
  '/short': (socket) => socket.end(`${OK}content-length: 100\r\n\r\nabc`),
  '/short-chunks': (socket) => socket.end(`${OK}transfer-encoding: chunked\r\n\r\n5\r\nab`),
  '/bad-chunk': (socket) => socket.end(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\nab\r\n`),
  '/two-lengths': (socket) => socket.end(`${OK}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd`),
  '/length-and-chunks': (socket) => socket.end(`${OK}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
  '/bad-length': (socket) => socket.end(`${OK}content-length: -1\r\n\r\nabcd`),
  '/reset': (socket) => socket.resetAndDestroy(),
  '/reset-in-headers': (socket) => socket.write(OK, () => socket.resetAndDestroy()),
  '/reset-in-body': (socket) => socket.write(`${OK}content-length: 100\r\n\r\nabc`, () => socket.resetAndDestroy()),
  '/closed': (socket) => socket.end(),
  '/no-http': (socket) => socket.end('220 mail.example.com ESMTP\r\n'),
  '/http-2': (socket) => socket.end(Buffer.from('000000040000000000', 'hex')),
  '/switching': (socket) =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
  '/nul': (socket) => socket.end('HTTP/1.1 200 OK\0\r\nx: \0\r\n\r\n'),
  // empty
  '/empty': (socket) => reply(socket, 200, {}),
};

const server = await startServer((socket, path, request) => {
  const status = /^\/status\/(\d+)$/.exec(path)?.[1];
  if (status) reply(socket, Number(status), { 'content-type': 'image/png' }, status === '204' ? '' : PNG);
  else ANSWERS[path]?.(socket, request);
});
afterAll(() => server.close());

beforeEach(() => {
  server.requests.length = 0;
  server.accepted = 0;
});
afterEach(async () => {
  await server.allClosed(); // no test leaves a connection behind
});

const DEFAULTS = { maxBytes: MEGABYTE, timeout: patient(5), maxRedirects: 3, allowPrivateAddresses: true };
const urlOf = (path: string) => new URL(`http://127.0.0.1:${server.port}${path}`);
const get = (path: string, options: Partial<FetchOptions> = {}) => fetchBytes(urlOf(path), { ...DEFAULTS, ...options });
const decode = (path: string) =>
  decodeImage(urlOf(path), { fetchUrl: (url, maxBytes, signal) => fetchBytes(url, { ...DEFAULTS, maxBytes, signal }) });

/** Milliseconds until it rejects, and with what. */
async function timed(promise: Promise<unknown>): Promise<{ error: Error; elapsed: number }> {
  const start = performance.now();
  const error = await promise.then(
    () => new Error('it did not reject'),
    (reason: Error) => reason,
  );
  return { error, elapsed: performance.now() - start };
}

describe('an image', () => {
  test.each(['/length', '/chunked', '/until-close', '/http-1.0', '/lying-type', '/identity', '/hints', '/keep-alive'])(
    'arrives and is decoded: %s',
    async (path) => {
      const { rgb, width, height } = await decode(path);
      expect({ width, height, rgb: [...rgb] }).toEqual({ width: 2, height: 1, rgb: [1, 2, 3, 250, 251, 252] });
    },
  );

  test('may have exactly as many bytes as are allowed', async () => {
    expect((await get('/exactly')).length).toBe(MEGABYTE);
  });

  test.each(['/empty', '/hidden-gzip', '/announced-less'])('that is none is told by its bytes: %s', async (path) => {
    await expect(decode(path)).rejects.toMatchObject({ code: 'ERR_IMAGE_DECODE' });
  });

  test('comes over a connection of its own each time', async () => {
    await Promise.all([get('/length'), get('/keep-alive'), get('/length')]);
    await get('/keep-alive');
    expect(server.accepted).toBe(4);
  });
});

describe('too slow', () => {
  test.each([
    ...['/silent', '/slow-headers', '/slow-line', '/slow-body', '/stalled-body', '/slow-chunks'],
    ...['/slow-redirects', '/endless-hints'],
  ])('%s ends within the time limit', async (path) => {
    const { error, elapsed } = await timed(get(path, { timeout: 0.2, maxRedirects: 10 }));
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'ERR_CONNECTION' });
    expect(error.message).toMatch(/"127\.0\.0\.1:\d+" within 0\.2 s\. Raise network\.timeout/);
    expect(elapsed).toBeGreaterThan(150);
    expect(elapsed).toBeLessThan(patient(1500));
  });

  test('a name that is never resolved ends within the time limit', async () => {
    const lookup = () => new Promise<never>(() => {});
    const { error, elapsed } = await timed(
      fetchBytes(new URL('http://slow.test/'), { ...DEFAULTS, timeout: 0.1, lookup }),
    );
    expect(error.message).toMatch(/within 0\.1 s/);
    expect(elapsed).toBeLessThan(patient(1000));
  });
});

describe('too large', () => {
  test.each(['/endless', '/endless-chunks', '/announced', '/announced-huge', '/one-more'])(
    '%s is refused at once',
    async (path) => {
      const { error, elapsed } = await timed(get(path));
      expect(error).toMatchObject({ name: 'ImageLimitError', code: 'ERR_IMAGE_LIMIT' });
      expect(error.message).toMatch(/at least \d+ bytes; the limit is 1048576\./);
      expect(elapsed).toBeLessThan(patient(3000));
    },
  );

  test('the body of a redirect is not read', async () => {
    expect(await get('/endless-redirect')).toEqual(PNG);
  });

  test('headers are limited', async () => {
    await expect(get('/long-headers')).rejects.toMatchObject({ code: 'ERR_CONNECTION' });
  });

  test('little more is kept than is allowed', async () => {
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    }, 1);
    await expect(get('/endless', { maxBytes: 8 * MEGABYTE })).rejects.toMatchObject({ code: 'ERR_IMAGE_LIMIT' });
    clearInterval(watch);
    expect(peak).toBeLessThan(24 * MEGABYTE); // the server's chunks and the sockets' buffers are in it
  });

  test.each(['/gzip', '/gzip-bomb', '/twice'])('an encoded body is not taken: %s', async (path) => {
    await expect(get(path)).rejects.toMatchObject({
      code: 'ERR_CONNECTION',
      message: expect.stringMatching(/content-encoding ".*", which was not asked for/),
    });
  });
});

describe('broken', () => {
  test.each([
    ...['/short', '/short-chunks', '/bad-chunk', '/two-lengths', '/length-and-chunks', '/bad-length', '/reset'],
    ...['/reset-in-headers', '/reset-in-body', '/closed', '/no-http', '/http-2', '/switching', '/nul'],
  ])('%s fails', async (path) => {
    const { error, elapsed } = await timed(get(path));
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'ERR_CONNECTION' });
    expect(error.message).toMatch(/^The image could not be fetched from "127\.0\.0\.1:\d+": .+\. Check the URL/);
    expect(elapsed).toBeLessThan(patient(1500));
  });

  test.each([201, 202, 203, 204, 206, 300, 304, 400, 401, 403, 404, 418, 429, 500, 502, 503, 599])(
    'status %d fails',
    async (status) => {
      await expect(get(`/status/${status}`)).rejects.toMatchObject({
        code: 'ERR_CONNECTION',
        message: expect.stringContaining(`answered ${status} instead of an image`),
      });
    },
  );

  test('nobody listens', async () => {
    const gone = await startServer(() => {});
    await gone.close();
    const { error } = await timed(fetchBytes(new URL(`http://127.0.0.1:${gone.port}/`), DEFAULTS));
    expect(error).toMatchObject({ code: 'ERR_CONNECTION', message: expect.stringContaining('ECONNREFUSED') });
    const lookup = names({ 'gone.test': [['127.0.0.1', '::1']] });
    const several = await timed(fetchBytes(new URL(`http://gone.test:${gone.port}/`), { ...DEFAULTS, lookup }));
    expect(several.error).toMatchObject({ code: 'ERR_CONNECTION', message: expect.stringContaining('ECONNREFUSED') });
  });

  test('a server that speaks no TLS', async () => {
    const plain = net.createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    await once(plain.listen(0, '127.0.0.1'), 'listening');
    const { port } = plain.address() as net.AddressInfo;
    const { error, elapsed } = await timed(fetchBytes(new URL(`https://127.0.0.1:${port}/`), DEFAULTS));
    expect(error).toMatchObject({ code: 'ERR_CONNECTION', message: expect.stringMatching(/wrong version number/i) });
    expect(elapsed).toBeLessThan(patient(1500));
    await once(plain.close(), 'close');
  });
});

describe('a signal', () => {
  const reason = new Error('enough');

  test('that is aborted already allows neither lookup nor connection', async () => {
    const lookup = names({});
    const fetched = fetchBytes(new URL('http://any.test/'), { ...DEFAULTS, lookup, signal: AbortSignal.abort(reason) });
    await expect(fetched).rejects.toBe(reason);
    await expect(get('/length', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(lookup).not.toHaveBeenCalled();
    expect(server.accepted).toBe(0);
  });

  test.each(['/silent', '/slow-headers', '/slow-body', '/stalled-body', '/slow-redirects', '/endless-hints'])(
    'stops %s, and the server sees the end',
    async (path) => {
      const controller = new AbortController();
      const fetched = get(path, { signal: controller.signal, maxRedirects: 10 });
      setTimeout(() => controller.abort(reason), 100);
      const { error, elapsed } = await timed(fetched);
      expect(error).toBe(reason);
      expect(elapsed).toBeLessThan(patient(1000));
      expect(server.requests.length).toBeGreaterThan(0);
    },
  );

  test('stops a lookup', async () => {
    const controller = new AbortController();
    const lookup = () => new Promise<never>(() => setImmediate(() => controller.abort(reason)));
    const fetched = fetchBytes(new URL('http://slow.test/'), { ...DEFAULTS, lookup, signal: controller.signal });
    await expect(fetched).rejects.toBe(reason);
  });

  test('aborted with the answer of the lookup opens no connection', async () => {
    const controller = new AbortController();
    const lookup = async () => {
      controller.abort(reason);
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const fetched = fetchBytes(new URL(`http://a.test:${server.port}/length`), {
      ...DEFAULTS,
      lookup,
      signal: controller.signal,
    });
    await expect(fetched).rejects.toBe(reason);
    expect(server.accepted).toBe(0);
  });

  test('gives its reason through decodeImage unchanged', async () => {
    const why = 'no error at all';
    const decoded = decodeImage(urlOf('/silent'), {
      fetchUrl: (url, maxBytes, signal) => fetchBytes(url, { ...DEFAULTS, maxBytes, signal }),
      signal: AbortSignal.timeout(50),
    });
    await expect(decoded).rejects.toMatchObject({ name: 'TimeoutError' });
    const aborted = decodeImage(urlOf('/length'), {
      fetchUrl: (url, maxBytes, signal) => fetchBytes(url, { ...DEFAULTS, maxBytes, signal }),
      signal: AbortSignal.abort(why),
    });
    await expect(aborted).rejects.toBe(why);
  });

  test('is left as it was, and no timer stays', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 20; i++) await get('/length', { signal });
    expect(timers()).toBeLessThan(before + 10); // the test runner may have some of its own
    await expect(get('/status/404', { signal })).rejects.toMatchObject({ code: 'ERR_CONNECTION' });
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
    expect(added).toHaveBeenCalledTimes(21);
  });
});
