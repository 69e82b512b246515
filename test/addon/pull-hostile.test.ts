import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { redirectTarget } from '../../lib/hub/client.js';
import { pull } from '../../lib/hub/pull.js';
import { type PullOptions, resolveOptions } from '../../lib/hub/pull-options.js';
import { HubServer, refuse, sendJson } from '../support/hub-server.js';

// What a hub, its store or the disk may do to a pull: a typed error, nothing outside of the cache folder, nothing under the
// final name, no token at another origin, and a right file as soon as the hub behaves.

process.env.HF_HUB_OFFLINE = '0';

const HASTE = { attempts: 2, delay: 0.001, stall: 0.2 };
const TOKEN = 'hf_secret';
const NAME = 'x.Q8_0.gguf';
const TARGET = 'test--model.Q8_0.gguf';
/** Several ranges. */
const CONTENT = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31 + (i >> 8)) & 255);
const SIZE = CONTENT.length;
const LAST_PART = SIZE - 16384 * 6;

let folder: string;
let hub: HubServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bllossom-hostile-'));
  writeFileSync(join(folder, 'outside'), 'untouched');
  hub = await HubServer.start({ [NAME]: CONTENT, 'README.md': Buffer.from('# x') });
  hub.requiredToken = TOKEN;
});
afterEach(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});

const cache = () => join(folder, 'cache');

async function pullHere(options: Partial<PullOptions> = {}) {
  const given = { model: 'test/model', type: 'Q8_0', cacheDir: cache(), token: TOKEN, ...options } as PullOptions;
  const request = await resolveOptions(given);
  return pull({ ...request, access: { ...request.access, endpoint: new URL(hub.endpoint) } }, { retry: HASTE });
}

type Answer = (response: ServerResponse, request: IncomingMessage) => unknown;

/** The store answers like this from its `from`-th answer on. */
function store(answer: Answer, from = 0): void {
  let count = 0;
  hub.mischief = (request, response, place) => {
    if (place !== 'store' || count++ < from) return false;
    answer(response, request);
    return true;
  };
}

/** The hub answers like this to addresses with `part` in them. */
function atHub(part: string, answer: Answer): void {
  hub.mischief = (request, response, place) => {
    if (place !== 'hub' || !request.url?.includes(part)) return false;
    answer(response, request);
    return true;
  };
}

function rangeOf({ headers }: IncomingMessage): [number, number] {
  const [, first, last] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
  return [Number(first), Number(last) + 1];
}

/** A right part, with other headers and another body where they are given. */
function part(
  headers: Record<string, string | undefined>,
  change: (bytes: Uint8Array) => Uint8Array = (b) => b,
): Answer {
  return (response, request) => {
    const [begin, end] = rangeOf(request);
    const right = { 'content-range': `bytes ${begin}-${end - 1}/${SIZE}`, 'content-length': String(end - begin) };
    const all = Object.entries({ ...right, ...headers }).filter(([, value]) => value !== undefined);
    response.writeHead(206, Object.fromEntries(all) as Record<string, string>);
    const body = change(CONTENT.subarray(begin, end));
    response.write(body);
    const announced = Object.fromEntries(all)['content-length'] ?? 0;
    if (body.length < Number(announced)) response.destroy();
    else response.end();
  };
}

const whole: Answer = (response) => response.writeHead(200, { 'content-length': SIZE }).end(CONTENT);
const redirect = (status: number, location?: string): Answer => {
  return (response) => response.writeHead(status, location === undefined ? {} : { location }).end();
};
const listed = (path: string) => () => {
  hub.editListing = (entries) => [...entries, { type: 'file', path, size: 1, oid: '0'.repeat(40) }];
};
const altered = (change: object) => () => {
  hub.editListing = (entries) => entries.map((entry) => (entry.path === NAME ? { ...entry, ...change } : entry));
};
const plus = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc(1)]);
const minus = (bytes: Uint8Array) => bytes.subarray(1);
const LFS = 'f'.repeat(64);

const ANSWERS: [what: string, arrange: () => void, code: string, message: RegExp][] = [
  ['the whole file instead of a part', () => store(whole), 'ERR_CONNECTION', /whole file where a part/],
  ['no Content-Range', () => store(part({ 'content-range': undefined })), 'ERR_CONNECTION', /content-range undefined/],
  ['another range', () => store(part({ 'content-range': `bytes 1-16384/${SIZE}` })), 'ERR_CONNECTION', /content-range/],
  ['another total', () => store(part({ 'content-range': 'bytes 0-16383/99' })), 'ERR_CONNECTION', /content-range/],
  [
    'several ranges',
    () => store(part({ 'content-range': undefined, 'content-type': 'multipart/byteranges' })),
    'ERR_CONNECTION',
    /content-range/,
  ],
  ['another ETag mid-way', () => store(part({ etag: '"other"' }), 3), 'ERR_CONNECTION', /changed on the hub/],
  ['no ETag mid-way', () => store(part({}), 3), 'ERR_CONNECTION', /changed on the hub/],
  ['the whole file mid-way, since If-Range failed', () => store(whole, 3), 'ERR_CONNECTION', /changed on the hub/],
  ['a body that ends early', () => store(part({}, minus)), 'ERR_CONNECTION', /2 attempts/],
  [
    'a shorter length',
    () => store(part({ 'content-length': '16383' }, minus)),
    'ERR_CONNECTION',
    /"16383" bytes instead of 16384/,
  ],
  [
    'a longer length',
    () => store(part({ 'content-length': '16385' }, plus)),
    'ERR_CONNECTION',
    /"16385" bytes instead of 16384/,
  ],
  [
    'a longer body without a length',
    () => store(part({ 'content-length': undefined }, plus)),
    'ERR_CONNECTION',
    /more than the 16384 bytes/,
  ],
  [
    'a shorter body without a length',
    () => store(part({ 'content-length': undefined }, minus)),
    'ERR_CONNECTION',
    /ended .* early/,
  ],
  ['gzip', () => store(part({ 'content-encoding': 'gzip' })), 'ERR_CONNECTION', /content-encoding "gzip"/],
  ['br', () => store(part({ 'content-encoding': 'br' })), 'ERR_CONNECTION', /content-encoding "br"/],
  [
    'other bytes',
    () => store(part({}, (bytes) => bytes.map((b) => b ^ 1))),
    'ERR_CONNECTION',
    /SHA-256 .* but the hub says/,
  ],
  [
    'one other byte at the end',
    () => store(part({}, (b) => (b.length === LAST_PART ? b.map((x) => x ^ 1) : b))),
    'ERR_CONNECTION',
    /SHA-256/,
  ],
  [
    'a redirect to ftp',
    () => atHub('/resolve/', redirect(302, 'ftp://127.0.0.1/x')),
    'ERR_CONNECTION',
    /from http to "ftp"/,
  ],
  [
    'a redirect to a file',
    () => atHub('/resolve/', redirect(302, 'file:///etc/passwd')),
    'ERR_CONNECTION',
    /to "file"/,
  ],
  ['a redirect to nowhere', () => atHub('/resolve/', redirect(302)), 'ERR_CONNECTION', /redirects to nowhere/],
  [
    'a redirect with a password',
    () => atHub('/resolve/', redirect(302, 'http://u:p@127.0.0.1/')),
    'ERR_CONNECTION',
    /with a password/,
  ],
  [
    'redirects in a circle',
    () => atHub('/resolve/', redirect(301, '/resolve/again')),
    'ERR_CONNECTION',
    /more than 5 times/,
  ],
  ['redirects in a circle at the store', () => store(redirect(307, '/again')), 'ERR_CONNECTION', /more than 5 times/],
  ['a listing that is no JSON', () => atHub('/tree/', (r) => r.end('{')), 'ERR_CONNECTION', /something else than JSON/],
  [
    'a listing of 9 MiB',
    () => atHub('/tree/', (r) => r.end(Buffer.alloc(9 << 20, ' '))),
    'ERR_CONNECTION',
    /more than the 8388608 bytes/,
  ],
  ['a listing that is no list', () => atHub('/tree/', (r) => sendJson(r, {})), 'ERR_CONNECTION', /no list of at most/],
  [
    'a listing of a thousand pages',
    () => atHub('/tree/', (r, { url }) => sendJson(r.setHeader('link', `<${url}>; rel="next"`), [])),
    'ERR_CONNECTION',
    /no list of at most/,
  ],
  [
    'a listing that goes on elsewhere',
    () => atHub('/tree/', (r) => sendJson(r.setHeader('link', '<http://127.0.0.1:1/>; rel="next"'), [])),
    'ERR_CONNECTION',
    /at another address/,
  ],
  [
    'a listing without names',
    () => atHub('/tree/', (r) => sendJson(r, [{ type: 'file' }, null])),
    'ERR_CONNECTION',
    /a file without a name/,
  ],
  ['no commit', () => atHub('/revision/', (r) => sendJson(r, { sha: '../../x' })), 'ERR_CONNECTION', /told no commit/],
  ['the name ../x', listed('../x'), 'ERR_MODEL_FORMAT', /the part ".."/],
  ['the name a/../../x', listed('a/../../x'), 'ERR_MODEL_FORMAT', /the part ".."/],
  ['an absolute name', listed('/etc/passwd'), 'ERR_MODEL_FORMAT', /an empty part/],
  ['a drive', listed('C:x'), 'ERR_MODEL_FORMAT', /a character/],
  ['a backslash', listed('..\\x'), 'ERR_MODEL_FORMAT', /a character/],
  ['a NUL', listed('x\0.gguf'), 'ERR_MODEL_FORMAT', /a character/],
  ['CON', listed('CON'), 'ERR_MODEL_FORMAT', /a device/],
  ['nul.json', listed('sub/nul.json'), 'ERR_MODEL_FORMAT', /a device/],
  ['a name of 5,000 characters', listed('x'.repeat(5000)), 'ERR_MODEL_FORMAT', /more than 255 bytes/],
  ['a name that ends in a space', listed('x '), 'ERR_MODEL_FORMAT', /a dot or a space/],
  ['twenty folders', listed('a/'.repeat(20)), 'ERR_MODEL_FORMAT', /more than 16 folders/],
  ['names that differ in case', listed(NAME.toUpperCase()), 'ERR_MODEL_FORMAT', /where case does not count/],
  ['another LFS size', altered({ lfs: { oid: LFS, size: 7 } }), 'ERR_MODEL_FORMAT', /a size or a hash that cannot be/],
  ['a size below zero', altered({ size: -1 }), 'ERR_MODEL_FORMAT', /a size or a hash/],
  ['a hash that is none', altered({ lfs: { oid: 'x', size: SIZE } }), 'ERR_MODEL_FORMAT', /a size or a hash/],
  ['no hash', altered({ lfs: undefined }), 'ERR_MODEL_FORMAT', /tells no SHA-256/],
  [
    'a file of a pebibyte',
    altered({ size: 2 ** 50, lfs: { oid: LFS, size: 2 ** 50 } }),
    'ERR_IO',
    /needs \d+ more bytes/,
  ],
  [
    'another hash when it comes to the file',
    altered({ lfs: { oid: LFS, size: SIZE } }),
    'ERR_CONNECTION',
    /x-linked-etag/,
  ],
  [
    'another commit when it comes to the file',
    () => atHub('/resolve/', (r) => r.writeHead(302, { location: hub.store, 'x-repo-commit': 'x' }).end()),
    'ERR_CONNECTION',
    /x-repo-commit/,
  ],
  [
    'another size when it comes to the file',
    () => atHub('/resolve/', (r) => r.writeHead(302, { location: hub.store, 'x-linked-size': '1' }).end()),
    'ERR_CONNECTION',
    /x-linked-size/,
  ],
  [
    '401, gated',
    () => atHub('/api/', (r) => refuse(r, 401, 'GatedRepo')),
    'ERR_CONNECTION',
    /gated: .* accept its terms .* HF_TOKEN/,
  ],
  ['403, gated, at the file', () => atHub('/resolve/', (r) => refuse(r, 403, 'GatedRepo')), 'ERR_CONNECTION', /gated/],
  ['403', () => atHub('/resolve/', (r) => refuse(r, 403)), 'ERR_CONNECTION', /refuses .*403.*token is valid/],
  [
    '401, no such model',
    () => atHub('/api/', (r) => refuse(r, 401, 'RepoNotFound')),
    'ERR_MODEL_NOT_FOUND',
    /check the name; .* token/,
  ],
  [
    '404, no such revision',
    () => atHub('/revision/', (r) => refuse(r, 404, 'RevisionNotFound')),
    'ERR_MODEL_NOT_FOUND',
    /no such revision/,
  ],
  [
    '404, no such file',
    () => atHub('/resolve/', (r) => refuse(r, 404, 'EntryNotFound')),
    'ERR_MODEL_NOT_FOUND',
    /has no file/,
  ],
  ['418', () => atHub('/api/', (r) => refuse(r, 418)), 'ERR_CONNECTION', /answered 418/],
  [
    '429 for an hour',
    () => store((r) => r.writeHead(429, { 'retry-after': '3600' }).end()),
    'ERR_CONNECTION',
    /429 .*asks to wait 3600 s/,
  ],
  ['500 again and again', () => store((r) => refuse(r, 500)), 'ERR_CONNECTION', /500 .*2 attempts/],
  ['connections that break', () => store((r) => r.destroy()), 'ERR_CONNECTION', /2 attempts/],
  ['something that is no HTTP', () => store((r) => r.socket?.end('nonsense\r\n\r\n')), 'ERR_CONNECTION', /2 attempts/],
  ['no answer', () => store(() => {}), 'ERR_CONNECTION', /2 attempts.*kept/],
  [
    'a body that stops coming',
    () =>
      store((r, q) =>
        r.writeHead(206, { 'content-range': `bytes ${rangeOf(q)[0]}-${rangeOf(q)[1] - 1}/${SIZE}` }).write('x'),
      ),
    'ERR_CONNECTION',
    /2 attempts/,
  ],
];

describe('a hub or store that gives', () => {
  test.each(ANSWERS)('%s', async (_what, arrange, code, message) => {
    arrange();
    await expect(pullHere()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readdirSync(folder).sort()).toEqual(['cache', 'outside']);
    expect(readdirSync(cache())).toEqual(['.downloads']);
    hub.mischief = undefined;
    hub.editListing = undefined;
    const { file, record } = await pullHere();
    expect(readFileSync(file).equals(CONTENT)).toBe(true);
    expect(record.sources).toEqual([{ file: NAME, size: SIZE, sha256: record.sha256 }]);
    expect(readdirSync(cache()).sort()).toEqual(['.downloads', TARGET, `${TARGET}.json`]);
    expect(hub.tokens('store')).toEqual([]);
  });
});

test('https is never left for http', () => {
  expect(() => redirectTarget(new URL('https://hub.example/x'), 'http://store.example/y')).toThrow(/https to "http"/);
  expect(redirectTarget(new URL('https://hub.example/x'), '/y').href).toBe('https://hub.example/y');
});

describe('on the disk', () => {
  const downloads = () => join(cache(), '.downloads', 'test--model.Q8_0');
  const elsewhere = () => join(folder, 'elsewhere');
  const DISK: [what: string, arrange: () => void, message: RegExp][] = [
    ['a cache folder that is a file', () => writeFileSync(cache(), ''), /Cannot make/],
    ['downloads behind a link', () => symlinkSync(elsewhere(), join(cache(), '.downloads')), /is a link or a file/],
    ['a download behind a link', () => symlinkSync(elsewhere(), downloads()), /is a link or a file/],
    [
      'a model file behind a link',
      () => symlinkSync(join(elsewhere(), 'x'), join(downloads(), 'model.gguf.tmp')),
      /no plain file/,
    ],
    [
      'a journal behind a link',
      () => symlinkSync(join(elsewhere(), 'x'), join(downloads(), 'journal.json')),
      /no plain file/,
    ],
    [
      'a link under the final name',
      () => symlinkSync(join(elsewhere(), 'x'), join(cache(), TARGET)),
      /is a link or a folder/,
    ],
    ['a folder under the final name', () => mkdirSync(join(cache(), TARGET)), /is a link or a folder/],
  ];

  test.each(DISK)('%s', async (what, arrange, message) => {
    mkdirSync(elsewhere());
    writeFileSync(join(elsewhere(), 'x'), 'untouched');
    if (/behind a link$/.test(what) && !what.startsWith('download')) mkdirSync(downloads(), { recursive: true });
    if (what.startsWith('a download')) mkdirSync(join(cache(), '.downloads'), { recursive: true });
    if (!what.includes('that is a file')) mkdirSync(cache(), { recursive: true });
    if (what.startsWith('a download')) rmSync(downloads(), { recursive: true, force: true });
    arrange();
    await expect(pullHere()).rejects.toMatchObject({ code: 'ERR_IO', message: expect.stringMatching(message) });
    expect(readdirSync(elsewhere())).toEqual(['x']);
    expect(readFileSync(join(elsewhere(), 'x'), 'utf8')).toBe('untouched');
  });

  test('a cache folder that nobody can write', async () => {
    await expect(pullHere({ cacheDir: '/dev/null/cache' })).rejects.toMatchObject({ code: 'ERR_IO' });
  });

  test.each(['{', '{}', '[]', 'null', '{"version":1,"rows":[-1]}', 'x'.repeat(100)])(
    'a journal of %s begins anew',
    async (text) => {
      mkdirSync(downloads(), { recursive: true });
      writeFileSync(join(downloads(), 'journal.json'), text);
      writeFileSync(join(downloads(), 'model.gguf.tmp'), 'x'.repeat(2 * SIZE));
      expect(readFileSync((await pullHere()).file).equals(CONTENT)).toBe(true);
    },
  );
});

describe('wrong options', () => {
  const WRONG: [string, Partial<Record<keyof PullOptions, unknown>>, RegExp][] = [
    ['no model', { model: '' }, /model/],
    ['a path', { model: '../x/y' }, /no model/],
    ['an unknown alias', { model: 'aica-5' }, /did you mean/],
    ['a type', { type: 'Q1' }, /type/],
    ['a file', { file: ' ' }, /file/],
    ['a revision', { revision: 1 }, /revision/],
    ['threads', { threads: -1 }, /threads/],
    ['force', { force: 1 }, /force/],
    ['a signal', { signal: {} }, /AbortSignal/],
    ['a misspelled key', { fil: 'x' } as object, /Unknown option "fil"/],
  ];
  test.each(WRONG)('%s', async (_what, options, message) => {
    await expect(pullHere(options as object)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(message),
    });
    expect(hub.requests).toEqual([]);
  });

  test('a token that is none is refused without being shown', async () => {
    for (const token of ['a b', 'x\ny', '비밀', 5, 'x'.repeat(5000)]) {
      const failure = await pullHere({ token: token as string }).catch((error: Error) => error);
      expect(failure).toMatchObject({ code: 'ERR_INVALID_OPTION' });
      expect((failure as Error).message).not.toContain(String(token));
    }
  });
});
