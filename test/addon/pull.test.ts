import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { pull } from '../../lib/hub/pull.js';
import { type PullOptions, resolveOptions } from '../../lib/hub/pull-options.js';
import { HubServer, refuse } from '../support/hub-server.js';
import { tinyFiles, writeTinyCheckpoint } from '../support/tiny-checkpoint.js';

// A whole pull against a hub on this machine. What hostile hubs do is in pull-hostile.test.ts.

const HASTE = { attempts: 6, delay: 0.01, stall: 1 };

process.env.HF_HUB_OFFLINE = '0';

let folder: string;
let hub: HubServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bllossom-pull-'));
  hub = await HubServer.start(Object.fromEntries(tinyFiles({ shards: 3, dtype: 'BF16' })));
});
afterEach(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});

const cache = () => join(folder, 'cache');
const TARGET = 'test--model.Q8_0.gguf';

async function pullHere(options: Partial<PullOptions> = {}) {
  const request = await resolveOptions({
    model: 'test/model',
    type: 'Q8_0',
    cacheDir: cache(),
    threads: 1,
    ...options,
  });
  return pull({ ...request, access: { ...request.access, endpoint: new URL(hub.endpoint) } }, { retry: HASTE });
}

async function converted(): Promise<Buffer> {
  const source = join(folder, 'model'); // the name of the repository, which the file tells
  await writeTinyCheckpoint(source, { shards: 3, dtype: 'BF16' });
  const output = join(folder, 'converted.gguf');
  await convertCheckpoint({ source, output, type: 'Q8_0', threads: 1 });
  return readFileSync(output);
}

test('a pulled checkpoint is the file that convertCheckpoint makes, with a record and nothing else beside it', async () => {
  const progress: number[] = [];
  const { file, record, downloaded } = await pullHere({ onProgress: ({ bytesDone }) => void progress.push(bytesDone) });
  expect(file).toBe(join(cache(), TARGET));
  expect(readFileSync(file).equals(await converted())).toBe(true);
  expect(readdirSync(cache()).sort()).toEqual(['.downloads', TARGET, `${TARGET}.json`]);
  expect(readdirSync(join(cache(), '.downloads'))).toEqual([]);
  expect(JSON.parse(readFileSync(`${file}.json`, 'utf8'))).toEqual(record);
  expect(record).toMatchObject({ repository: 'test/model', revision: hub.revisions.get('main'), type: 'Q8_0' });
  expect(record.sources.map((source) => source.file)).toContain('model-00002-of-00003.safetensors');
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(downloaded).toBe(hub.served);
});

test('a model in the cache is not asked for again; force, another revision and another commit are', async () => {
  const { file } = await pullHere();
  const before = hub.requests.length;
  expect(await pullHere()).toMatchObject({ file, downloaded: 0 });
  expect(hub.requests).toHaveLength(before);
  expect((await pullHere({ force: true })).downloaded).toBeGreaterThan(0);
  expect((await pullHere({ revision: 'main' })).downloaded).toBe(0);
  const commit = hub.push(Object.fromEntries(tinyFiles({ dtype: 'F32' })));
  expect(await pullHere({ revision: 'main' })).toMatchObject({ record: { revision: commit } });
});

test('a file of the cache that was not pulled is not replaced', async () => {
  await pullHere();
  rmSync(join(cache(), `${TARGET}.json`));
  writeFileSync(join(cache(), TARGET), 'mine');
  await expect(pullHere()).rejects.toThrow(/was not downloaded from test\/model: --force/);
  expect(readFileSync(join(cache(), TARGET), 'utf8')).toBe('mine');
});

test('a GGUF file is copied: by its name, or by the type in its name', async () => {
  const model = await converted();
  hub.push({
    'README.md': Buffer.from('x'),
    'sub/some-Q8_0.gguf': model,
    'sub/some-Q4_K_M.gguf': Buffer.from('other'),
  });
  const { file, record } = await pullHere();
  expect(readFileSync(file).equals(model)).toBe(true);
  expect(record.sources).toEqual([{ file: 'sub/some-Q8_0.gguf', size: model.length, sha256: record.sha256 }]);
  await pullHere({ file: 'sub/some-Q4_K_M.gguf', type: 'Q4_K_M' });
  expect(readFileSync(join(cache(), 'test--model.Q4_K_M.gguf'), 'utf8')).toBe('other');
  await expect(pullHere({ type: 'F16' })).rejects.toThrow(/no GGUF file of the type F16: it has "sub\/some-Q8_0.gguf"/);
  await expect(pullHere({ type: 'F16', file: 'no.gguf' })).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
});

test('an abort keeps what came; the next call goes on with it, at the same commit', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const total = Object.values([...hub.commits.values()][0] ?? {}).reduce((sum, { length }) => sum + length, 0);
  const onProgress = ({ bytesDone }: { bytesDone: number }) => {
    if (bytesDone > total / 2) controller.abort(reason);
  };
  await expect(pullHere({ signal: controller.signal, onProgress })).rejects.toBe(reason);
  const [first] = hub.commits.keys();
  hub.push(Object.fromEntries(tinyFiles({ dtype: 'F16' })));
  const { record, downloaded } = await pullHere();
  expect(record.revision).toBe(first);
  expect(downloaded).toBeLessThan(0.75 * total);
  expect(readFileSync(join(cache(), TARGET)).equals(await converted())).toBe(true);
});

test('a commit that is gone makes the download begin anew', async () => {
  const controller = new AbortController();
  await expect(
    pullHere({ signal: controller.signal, onProgress: ({ bytesDone }) => bytesDone > 300_000 && controller.abort() }),
  ).rejects.toMatchObject({ name: 'AbortError' });
  hub.commits.clear();
  const commit = hub.push(Object.fromEntries(tinyFiles({ shards: 3, dtype: 'BF16' })));
  expect((await pullHere()).record.revision).toBe(commit);
  expect(readFileSync(join(cache(), TARGET)).equals(await converted())).toBe(true);
});

test('one model is downloaded once at a time, and a lock whose process has ended is taken over', async () => {
  hub.delay = 2;
  const calls = await Promise.allSettled([pullHere(), pullHere()]);
  expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const refused = calls.find((call) => call.status === 'rejected');
  expect(String(refused?.reason)).toContain(`is being downloaded by process ${process.pid}`);
  writeFileSync(join(cache(), '.downloads', `${TARGET}.lock`), JSON.stringify({ pid: 2 ** 22 + 1, key: 'dead' }));
  expect((await pullHere({ force: true })).downloaded).toBeGreaterThan(0);
  expect(readdirSync(join(cache(), '.downloads'))).toEqual([]);
});

test('failures that pass are waited out: 429, 503, a dropped connection, a stall', async () => {
  const failures = [429, 503, 0, 1];
  hub.mischief = (request, response, place) => {
    if (place !== 'store' || request.headers.range === undefined) return false;
    const failure = failures.shift();
    if (failure === undefined) return false;
    if (failure > 1) response.writeHead(failure, { 'retry-after': '0' }).end();
    else if (failure === 0) request.socket.destroy();
    return true; // 1: no answer at all
  };
  const { file } = await pullHere();
  expect(failures).toEqual([]);
  expect(readFileSync(file).equals(await converted())).toBe(true);
});

test('a signed address that has expired is asked for anew', async () => {
  let expired = 0;
  hub.mischief = (_request, response, place) => {
    if (place !== 'store' || ++expired % 5 !== 0) return false;
    refuse(response, 403);
    return true;
  };
  await pullHere();
  expect(expired).toBeGreaterThan(5);
  expect(existsSync(join(cache(), TARGET))).toBe(true);
});

test('the token goes to the hub, and never to its store', async () => {
  hub.requiredToken = 'hf_secret';
  await expect(pullHere()).rejects.toThrow(/gated: open the page of the model on the hub.*HF_TOKEN/);
  await pullHere({ token: 'hf_secret' });
  expect(new Set(hub.tokens('hub'))).toEqual(new Set(['Bearer hf_secret']));
  expect(hub.requests.some(({ place }) => place === 'store')).toBe(true);
  expect(hub.tokens('store')).toEqual([]);
});
