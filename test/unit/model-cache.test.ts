import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import { acquireLock } from '../../lib/hub/lock.js';
import { locateModel } from '../../lib/model-path.js';
import { cacheFile, forgetRecord, readRecord, writeRecord } from '../../lib/models/cache.js';
import { listDownloads, removeDownload } from '../../lib/models/downloads.js';
import { type InstalledModel, listModels, removeModel } from '../../lib/models/installed.js';
import type { ModelRecord } from '../../lib/models/record.js';

const AICA = 'Bllossom/llama-3.2-Korean-Bllossom-AICA-5B';
const AICA_FILE = 'Bllossom--llama-3.2-Korean-Bllossom-AICA-5B.Q4_K_M.gguf';

let scratch: string;
let cache: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'bllossom-cache-'));
  cache = join(scratch, 'cache');
  mkdirSync(cache);
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const record = (changes: Partial<ModelRecord> = {}): ModelRecord => ({
  ...{ version: 1, repository: AICA, revision: 'a'.repeat(40), type: 'Q4_K_M', bytes: 5, sha256: 'b'.repeat(64) },
  sources: [{ file: 'model.safetensors', size: 10, sha256: 'c'.repeat(64) }],
  created: '2026-01-02T03:04:05.000Z',
  ...changes,
});

function put(name: string, content = 'model'): string {
  const file = join(cache, name);
  writeFileSync(file, content);
  return file;
}

describe('the place of a model', () => {
  it('is named by owner, name and type', () => {
    expect(cacheFile(cache, AICA, 'Q4_K_M')).toBe(join(cache, AICA_FILE));
  });

  it.each(['', ' ', 'a\0b', 'a\nb', 'x'.repeat(300), 5, undefined])('%j is no name', (name) => {
    const place = () => cacheFile(cache, name as string, 'Q8_0');
    expect(place).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });

  it.each(['../x', 'a/b', '', 'a\0'])('%j is no type', (type) => {
    expect(() => cacheFile(cache, 'a/b', type)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  });

  it('is in the folder whatever the name', () => {
    expect(cacheFile(cache, '../../etc/passwd', 'F16')).toBe(join(cache, '..--..--etc--passwd.F16.gguf'));
  });
});

describe('a record', () => {
  it('comes back as it was written, and nothing else stays', async () => {
    const file = put(AICA_FILE);
    await writeRecord(file, record());
    expect(await readRecord(file)).toEqual(record());
    await writeRecord(file, record({ bytes: 6 }));
    expect((await readRecord(file))?.bytes).toBe(6);
    expect(readdirSync(cache).sort()).toEqual([AICA_FILE, `${AICA_FILE}.json`]);
    await forgetRecord(file);
    await forgetRecord(file);
    expect(await readRecord(file)).toBeUndefined();
  });

  it.each([
    ['another version', { version: 2 }],
    ['no repository', { repository: undefined }],
    ['a hash that is too short', { sha256: 'abc' }],
    ['bytes below 0', { bytes: -1 }],
    ['a date that is none', { created: 'yesterday' }],
    ['a source without a hash', { sources: [{ file: 'x', size: 1 }] }],
    ['sources that are no list', { sources: {} }],
    ['a key that is unknown', { extra: 1 }],
  ])('with %s is neither written nor read', async (_, changes) => {
    const file = put(AICA_FILE);
    const wrong = { ...record(), ...changes } as ModelRecord;
    await expect(writeRecord(file, wrong)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(readdirSync(cache)).toEqual([AICA_FILE]);
    writeFileSync(`${file}.json`, JSON.stringify(wrong));
    await expect(readRecord(file)).rejects.toMatchObject({ code: 'ERR_MODEL_FORMAT' });
  });

  it.each(['', '{', 'null', '[]', '"x"', `${'['.repeat(100_000)}`, ' '.repeat(5 * 1024 * 1024)])(
    'that is damaged is refused (%#)',
    async (text) => {
      const file = put(AICA_FILE);
      writeFileSync(`${file}.json`, text);
      await expect(readRecord(file)).rejects.toMatchObject({
        code: 'ERR_MODEL_FORMAT',
        message: expect.stringMatching(/no record of a model/),
      });
    },
  );

  it('is not read through a link out of the folder', async () => {
    const file = put(AICA_FILE);
    writeFileSync(join(scratch, 'outside.json'), JSON.stringify(record()));
    symlinkSync('../outside.json', `${file}.json`);
    expect(await readRecord(file)).toBeUndefined();
  });
});

describe('the list', () => {
  const facts = async (filter = {}) =>
    (await listModels(cache, filter)).map(({ name, type, bytes, record, fault }) => [
      ...[name, type, bytes, record?.created],
      fault?.code,
    ]);

  it('is empty where there is no folder', async () => {
    expect(await listModels(join(scratch, 'none'))).toEqual([]);
    await expect(listModels(put('file'))).rejects.toMatchObject({ code: 'ERR_IO' });
  });

  it('tells name, type, size and state', async () => {
    await writeRecord(put(AICA_FILE), record());
    put('a--b-Q8_0.gguf');
    put('demo.gguf');
    put('c--d.IQ2_XXS.gguf');
    await writeRecord(put('a--shrunk.F16.gguf', 'mod'), record());
    writeFileSync(`${put('a--damaged.F16.gguf')}.json`, '{');
    expect(await facts()).toEqual([
      [AICA, 'Q4_K_M', 5, record().created, undefined],
      ['a/b', 'Q8_0', 5, undefined, undefined],
      ['a/damaged', 'F16', 5, undefined, 'ERR_MODEL_FORMAT'],
      ['a/shrunk', 'F16', 3, record().created, 'ERR_MODEL_FORMAT'],
      ['c/d', 'IQ2_XXS', 5, undefined, undefined],
      ['demo', undefined, 5, undefined, undefined],
    ]);
  });

  it('leaves out what is no finished model of the folder', async () => {
    put('a--b.Q8_0.gguf.tmp');
    put('a--b.Q8_0.gguf.json', '{}'); // a record whose file is gone
    put('.hidden.gguf');
    mkdirSync(join(cache, 'folder.gguf'));
    writeFileSync(join(scratch, 'outside.gguf'), 'x');
    symlinkSync('../outside.gguf', join(cache, 'outside.gguf'));
    symlinkSync('nowhere', join(cache, 'dangling.gguf'));
    symlinkSync('loop.gguf', join(cache, 'loop.gguf'));
    expect(await facts()).toEqual([]);
  });

  it('follows a link that stays in the folder', async () => {
    put('real.gguf');
    symlinkSync('real.gguf', join(cache, 'link.gguf'));
    expect((await facts()).map(([name]) => name)).toEqual(['link', 'real']);
  });

  it('is cut by alias, id and type', async () => {
    put(AICA_FILE);
    put(AICA_FILE.replace('Q4_K_M', 'Q8_0'));
    put('demo.gguf');
    for (const name of ['aica-5b', AICA, AICA.toUpperCase()]) expect(await facts({ name })).toHaveLength(2);
    expect(await facts({ name: 'aica-5b', type: 'Q8_0' })).toHaveLength(1);
    expect(await facts({ name: 'demo' })).toHaveLength(1);
    expect(await facts({ name: 'aica' })).toEqual([]);
  });
});

describe('removing', () => {
  it('takes the file and its record', async () => {
    await writeRecord(put(AICA_FILE), record());
    const [model] = (await listModels(cache)) as [InstalledModel];
    await removeModel(cache, model);
    expect(readdirSync(cache)).toEqual([]);
    await removeModel(cache, model); // nothing is left to remove
  });

  it('takes a link, not what it leads to', async () => {
    put('real.gguf');
    symlinkSync('real.gguf', join(cache, 'link.gguf'));
    const [link] = (await listModels(cache, { name: 'link' })) as [InstalledModel];
    await removeModel(cache, link);
    expect(readdirSync(cache)).toEqual(['real.gguf']);
  });

  it.each(['../outside.gguf', '/etc/passwd', 'record.json', '', 5, undefined])('refuses %j', async (name) => {
    writeFileSync(join(scratch, 'outside.gguf'), 'x');
    put('record.json');
    const file = typeof name === 'string' && name !== '' && !name.startsWith('/') ? join(cache, name) : name;
    await expect(removeModel(cache, { file } as InstalledModel)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(existsSync(join(scratch, 'outside.gguf')) && existsSync(join(cache, 'record.json'))).toBe(true);
  });
});

describe('unfinished downloads', () => {
  beforeEach(() => {
    mkdirSync(join(cache, '.downloads', 'a--b.Q8_0'), { recursive: true });
    put('.downloads/a--b.Q8_0/part', 'x'.repeat(1000));
    mkdirSync(join(cache, '.downloads', AICA_FILE.slice(0, -5)));
    put(`.downloads/${AICA_FILE.slice(0, -5)}/model.gguf.tmp`, 'x'.repeat(15));
    put(`.downloads/${AICA_FILE}.lock`, 'of no process');
  });

  it('are told by name and type, with their bytes', async () => {
    const found = await listDownloads(cache);
    expect(found.map(({ name, type, bytes }) => [name, type, bytes])).toEqual([
      [AICA, 'Q4_K_M', 15],
      ['a/b', 'Q8_0', 1000],
    ]);
    expect(await listDownloads(cache, { name: 'aica-5b' })).toHaveLength(1);
    expect(await listDownloads(cache, { name: 'aica-5b', type: 'Q8_0' })).toEqual([]);
  });

  it('are removed with all their files and the locks of dead processes, and nothing that links lead to', async () => {
    writeFileSync(join(scratch, 'outside'), 'x');
    symlinkSync(join(scratch, 'outside'), join(cache, '.downloads', 'a--b.Q8_0', 'link'));
    for (const download of await listDownloads(cache)) await removeDownload(download);
    expect(readdirSync(join(cache, '.downloads'))).toEqual([]);
    expect(readFileSync(join(scratch, 'outside'), 'utf8')).toBe('x');
  });

  it('are not removed while a process goes on with them', async () => {
    const folder = join(cache, '.downloads', AICA_FILE.replace('.gguf', ''));
    mkdirSync(folder, { recursive: true });
    const release = await acquireLock(`${folder}.gguf.lock`, AICA);
    const [download] = await listDownloads(cache);
    await expect(removeDownload(download as never)).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringContaining(`by process ${process.pid}`),
    });
    expect(existsSync(folder)).toBe(true);
    await release();
    await removeDownload(download as never);
    expect(existsSync(folder)).toBe(false);
  });

  it('are not looked for through a link', async () => {
    symlinkSync(join(cache, '.downloads'), join(scratch, '.downloads'));
    expect(await listDownloads(scratch)).toEqual([]);
  });
});

describe('the model of a configuration', () => {
  const config = (name: string) => {
    const made = new Config();
    Object.assign(made.model, { name });
    made.paths.cacheDir = cache;
    return made;
  };

  it.each(['aica-5b', AICA, AICA.toLowerCase(), 'aica-5b@main'])('is found by %s', async (name) => {
    const file = put(AICA_FILE);
    expect(await locateModel(config(name))).toEqual({ path: file, projector: null });
  });

  it('is not taken from outside through a link, which is told', async () => {
    writeFileSync(join(scratch, 'outside.gguf'), 'x');
    symlinkSync('../outside.gguf', join(cache, AICA_FILE));
    await expect(locateModel(config('aica-5b'))).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringMatching(/is a link that leads to no file in its folder: set model\.path/),
    });
  });
});
