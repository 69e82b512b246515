import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { writeRecord } from '../../lib/models/cache.js';
import { listModels } from '../../lib/models/installed.js';
import { hashFile, verifyModel } from '../../lib/models/verify.js';
import { bllossom, ENDLESS, KOREAN, type Run, workFolder } from '../support/cli.js';

// bllossom list, rm and verify, and what they stand on.

const AICA_FILE = 'Bllossom--llama-3.2-Korean-Bllossom-AICA-5B.Q4_K_M.gguf';
const demo = readFileSync(ENDLESS);

let count = 0;
let folder: string;
let cache: string;

/** A folder with a cache of three models: one with a record, one without, one that was damaged after its record. */
beforeEach(async () => {
  folder = workFolder(`models-${count++}`);
  cache = join(folder, 'model_cache');
  mkdirSync(join(cache, '.downloads', 'a--b.Q8_0'), { recursive: true });
  writeFileSync(join(cache, '.downloads', 'a--b.Q8_0', 'model.gguf.tmp'), 'x'.repeat(2048));
  const whole = put(AICA_FILE, demo);
  put('demo.gguf', demo);
  const bent = Buffer.from(demo);
  bent[bent.length - 1] = (bent.at(-1) ?? 0) ^ 1;
  const damaged = put('a--b.F16.gguf', bent);
  for (const file of [whole, damaged]) await record(file);
});

function put(name: string, bytes: Uint8Array): string {
  const file = join(cache, name);
  writeFileSync(file, bytes);
  return file;
}

function record(file: string): Promise<void> {
  const sha256 = createHash('sha256').update(demo).digest('hex');
  return writeRecord(file, {
    ...{ version: 1, repository: 'a/b', revision: 'main', type: 'F16', sources: [], bytes: demo.length, sha256 },
    created: '2026-01-02T03:04:05.000Z',
  });
}

const run = (args: string[], env = {}): Promise<Run> => bllossom(args, { cwd: folder, env });

describe('list', () => {
  test('shows what is there, what is unfinished and what is known', async () => {
    const { code, stdout, stderr } = await run(['list']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^Models in \.\/model_cache:\n {2}Bllossom\/\S+AICA-5B +Q4_K_M +1\.75 MiB +takes 13\.\d+ MiB +pulled on 2026-01-02\n/,
    );
    expect(stdout).toMatch(/demo +1\.75 MiB +takes 13\.\d+ MiB +without a record\n/);
    expect(stdout).toMatch(/Unfinished downloads:\n {2}a\/b +Q8_0 +2\.00 KiB\n/);
    expect(stdout).toMatch(/aica-5b +Bllossom\/\S+ +3\.\d+ GiB +takes 5\.\d+ GiB +llama3\.2\n/);
    expect(stdout).toMatch(/llama-3\.2-11b-vision-instruct .* llama3\.2, to be accepted on the hub\n/);
    expect(stdout).toMatch(/llama3\.2: Llama 3\.2 Community License; .*European Union/);
  });

  test('in Korean', async () => {
    const { stdout } = await run(['list'], KOREAN);
    expect(stdout).toMatch(
      /폴더의 모델:\n[\s\S]*끝나지 않은 내려받기:\n[\s\S]*알려진 모델 \(Q4_K_M일 때\):\n[\s\S]*유럽 연합/,
    );
  });

  test('as JSON is complete', async () => {
    const { cacheDir, installed, downloads, known } = JSON.parse((await run(['list', '--json'])).stdout);
    expect(cacheDir).toBe('./model_cache');
    expect(installed.map((model: { name: string; fault: unknown }) => [model.name, model.fault])).toEqual([
      ['Bllossom/llama-3.2-Korean-Bllossom-AICA-5B', null],
      ['a/b', null], // only verify reads all of it
      ['demo', null],
    ]);
    expect(installed[0]).toMatchObject({ type: 'Q4_K_M', bytes: demo.length, record: { repository: 'a/b' } });
    expect(downloads).toMatchObject([{ name: 'a/b', type: 'Q8_0', bytes: 2048 }]);
    expect(known).toHaveLength(5);
  });

  test('works without a cache folder, and for a file that is no model', async () => {
    writeFileSync(join(folder, 'config.yaml'), 'paths: { cache_dir: ./none }\nquantization: { type: Q8_0 }\n');
    expect((await run(['list'])).stdout).toMatch(/^No model in \.\/none\nKnown models, as Q8_0:\n/);
    writeFileSync(join(folder, 'config.yaml'), '');
    put('broken.gguf', Buffer.from('GGUF'));
    expect((await run(['list'])).stdout).toMatch(/broken +4 B +without a record\n/);
  });
});

describe('verify', () => {
  test('tells what is in order, what cannot be compared and what is damaged', async () => {
    const { code, stdout, stderr } = await run(['verify']);
    expect(code).toBe(1);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'Bllossom/llama-3.2-Korean-Bllossom-AICA-5B Q4_K_M: in order (size, SHA-256, header)',
      expect.stringMatching(
        /^a\/b F16: error: .*a--b\.F16\.gguf was changed or damaged: its SHA-256 is \w{64}, .*pull it again$/,
      ),
      'demo: no record to compare with; the header is in order',
    ]);
    expect(stderr).toMatch(/1 of 3 models are not in order/);
  });

  test('takes one model, by its alias', async () => {
    const { code, stdout } = await run(['verify', 'aica-5b', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ type: 'Q4_K_M', checked: 'content', fault: null }]);
  });

  test('fails for a model that is not there', async () => {
    const { code, stderr } = await run(['verify', 'c/d']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/The model c\/d is not in \.\/model_cache: "bllossom list"/),
    ]);
    expect((await run(['verify', 'aica5b'])).stderr).toMatch(/did you mean aica-5b\?/);
  });
});

describe('verifyModel', () => {
  const verified = async (name: string) => {
    const [model] = await listModels(cache, { name });
    if (!model) throw new Error(`no ${name}`);
    return (await verifyModel(model)).fault?.message;
  };

  test('finds a file that is too short, a damaged record, a damaged header and one that has gone', async () => {
    put(AICA_FILE, demo.subarray(0, -1));
    expect(await verified('aica-5b')).toMatch(/has \d+ bytes; its record says \d+/);
    writeFileSync(join(cache, `${AICA_FILE}.json`), '{');
    expect(await verified('aica-5b')).toMatch(/is no record of a model/);
    put('demo.gguf', demo.subarray(0, 5000));
    expect(await verified('demo')).toMatch(/demo\.gguf/);
    const [model] = await listModels(cache, { name: 'a/b' });
    await record(put('a--b.F16.gguf', demo));
    if (model) expect((await verifyModel(model)).fault).toBeUndefined();
    if (model) expect((await verifyModel({ ...model, file: `${model.file}x` })).fault?.code).toBe('ERR_IO');
  });

  test('tells its progress, and ends with the reason of a signal or what the callback throws', async () => {
    const [model] = await listModels(cache, { name: 'aica-5b' });
    if (!model) throw new Error('no model');
    const seen: number[] = [];
    await verifyModel(model, { onProgress: (done, total) => seen.push(done / total) });
    expect(seen.at(-1)).toBe(1);
    await expect(verifyModel(model, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
    const thrown = new Error('own');
    const onProgress = () => {
      throw thrown;
    };
    await expect(verifyModel(model, { onProgress })).rejects.toBe(thrown);
    await expect(verifyModel(model, { sginal: 1 } as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  test('hashes as everybody does', async () => {
    const file = join(folder, 'abc');
    writeFileSync(file, 'abc');
    expect(await hashFile(file)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('rm', () => {
  test('asks on a terminal only, so it needs --yes elsewhere', async () => {
    const { code, stderr } = await run(['rm', 'aica-5b']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/AICA-5B\.Q4_K_M\.gguf +1\.75 MiB\n.*no terminal to ask on: --yes/);
    expect(existsSync(join(cache, AICA_FILE))).toBe(true);
  });

  test('removes a model with its record, and nothing else', async () => {
    const { code, stdout } = await run(['rm', 'aica-5b', '--yes']);
    expect([code, stdout]).toEqual([0, 'Removed: Bllossom/llama-3.2-Korean-Bllossom-AICA-5B Q4_K_M\n']);
    expect(readdirSync(cache).sort()).toEqual(['.downloads', 'a--b.F16.gguf', 'a--b.F16.gguf.json', 'demo.gguf']);
  });

  test('removes what an unfinished download left, of one type or of all', async () => {
    copyFileSync(ENDLESS, join(cache, 'a--b.Q8_0.gguf'));
    expect((await run(['rm', 'a/b', '--type', 'Q8_0', '--yes'])).stdout).toBe('Removed: a/b Q8_0\n');
    expect(readdirSync(join(cache, '.downloads'))).toEqual([]);
    expect(existsSync(join(cache, 'a--b.F16.gguf'))).toBe(true);
    expect((await run(['rm', 'a/b', '--type', 'Q8_0', '--yes'])).stderr).toMatch(/The model a\/b \(Q8_0\) is not in/);
  });

  test('does not leave the folder by a name', async () => {
    writeFileSync(join(folder, 'x.gguf'), '');
    expect((await run(['rm', '../x', '--yes'])).code).toBe(1);
    expect(existsSync(join(folder, 'x.gguf'))).toBe(true);
  });
});

test('--model takes an alias, and a file that is called like one goes before', async () => {
  const { code, stdout } = await run(['info', '--model', 'aica-5b', '--json']);
  expect([code, JSON.parse(stdout).file.path]).toEqual([0, join('model_cache', AICA_FILE)]);
  writeFileSync(join(folder, 'aica-5b'), 'no model');
  expect((await run(['info', '--model', 'aica-5b'])).stderr).toMatch(/aica-5b/);
  const { stderr } = await run(['info', '--model', 'llama-3.2-90b-vision']);
  expect(stderr).toMatch(/The model "llama-3\.2-90b-vision" is not in the cache/);
});
