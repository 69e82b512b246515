import type { LookupAddress } from 'node:dns';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Config } from '../../lib/config.js';
import { hubAccess } from '../../lib/hub/access.js';
import { AddressRule } from '../../lib/hub/address-rule.js';
import { pullModel } from '../../lib/hub/pull.js';
import { ModelManager } from '../../lib/model-manager.js';
import { bllossom, KOREAN, Session } from '../support/cli.js';
import { HubServer } from '../support/hub-server.js';
import { type ProxyServer, startProxy } from '../support/proxy-server.js';
import { tinyFiles } from '../support/tiny-checkpoint.js';

// Which hub is asked, by which way, and who starts a pull without asking for one.

let folder: string;
let hub: HubServer;
let proxy: ProxyServer | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bllossom-network-'));
  hub = await HubServer.start(Object.fromEntries(tinyFiles({ dtype: 'BF16' })));
  vi.stubEnv('HF_HUB_OFFLINE', '');
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  proxy?.close();
  proxy = undefined;
  await hub.close();
  rmSync(folder, { recursive: true });
});

const options = () => ({ model: 'test/model', type: 'Q8_0', cacheDir: folder, threads: 1 }) as const;
const port = (url: string) => Number(new URL(url).port);

describe('the hub', () => {
  test('is that of HF_ENDPOINT, reached directly', async () => {
    expect((await pullModel(options())).downloaded).toBe(hub.served);
  });

  test('is reached through HTTP_PROXY, and so is its store', async () => {
    proxy = await startProxy({ 'hub.test': port(hub.endpoint), 'store.test': port(hub.store) });
    vi.stubEnv('HTTP_PROXY', proxy.url);
    vi.stubEnv('HF_ENDPOINT', 'http://hub.test');
    // a store on this machine, to which a hub of the internet must not lead
    await expect(pullModel(options())).rejects.toThrow(/leads to "127.0.0.1", whose address 127.0.0.1 is not a public/);
    hub.storeName = 'http://store.test';
    expect((await pullModel(options())).record.bytes).toBeGreaterThan(0);
    expect(new Set(proxy.asked.map((name) => name.replace(/:80$/, '')))).toEqual(new Set(['hub.test', 'store.test']));
  });

  test('is reached directly where NO_PROXY says so', async () => {
    proxy = await startProxy({});
    vi.stubEnv('HTTP_PROXY', proxy.url);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    await pullModel(options());
    expect(proxy.asked).toEqual([]);
  });
});

describe('access', () => {
  test('takes the token of the option, of HF_TOKEN, of HF_TOKEN_PATH, of HF_HOME, in this order', async () => {
    writeFileSync(join(folder, 'token'), 'of_home\n');
    writeFileSync(join(folder, 'other'), 'of_path\n');
    const home = { HF_HOME: folder };
    const path = { ...home, HF_TOKEN_PATH: join(folder, 'other') };
    const variable = { ...path, HF_TOKEN: 'of_variable' };
    const tokens = [
      hubAccess('of_option', variable),
      ...[variable, path, home, {}].map((env) => hubAccess(undefined, env)),
    ];
    const seen = (await Promise.all(tokens)).map(({ token }) => token);
    expect(seen.slice(0, 4)).toEqual(['of_option', 'of_variable', 'of_path', 'of_home']);
  });

  test.each(['ftp://x', 'nonsense', 'http://u:p@x', 'http://x?y'])('refuses HF_ENDPOINT=%s', async (endpoint) => {
    await expect(hubAccess(undefined, { HF_ENDPOINT: endpoint })).rejects.toThrow(/Expected an http\(s\) address/);
  });
});

describe('addresses', () => {
  const lookup = (name: string, done: (error: Error | null, addresses: LookupAddress[]) => void) => {
    const address = { 'public.test': '93.184.215.14', 'inside.test': '10.0.0.7' }[name];
    done(null, address === undefined ? [] : [{ address, family: 4 }]);
  };
  const reach = (rule: AddressRule, name: string) =>
    new Promise((resolve) => rule.lookup(name, { all: true }, (error) => resolve(error?.message)));

  test('of a hub of the internet are public', async () => {
    const rule = new AddressRule(new URL('https://public.test'), lookup);
    expect(await reach(rule, 'public.test')).toBeUndefined();
    expect(await reach(rule, 'inside.test')).toMatch(/10\.0\.0\.7 is not a public one/);
    expect(await reach(rule, 'nowhere.test')).toMatch(/no address/);
    for (const host of ['127.0.0.1', '[::1]', '169.254.169.254', '192.168.0.1', '[::ffff:10.0.0.1]']) {
      expect(() => rule.check(new URL(`http://${host}/`)), host).toThrow(/not a public/);
    }
  });

  test('of a hub inside may be inside', async () => {
    const rule = new AddressRule(new URL('https://inside.test'), lookup);
    expect(await reach(rule, 'inside.test')).toBeUndefined();
    expect(() => rule.check(new URL('http://10.0.0.8/'))).not.toThrow();
  });
});

describe('loadModel', () => {
  function configuration(): Config {
    const config = new Config();
    Object.assign(config.model, { name: 'test/model' });
    config.paths.cacheDir = folder;
    config.quantization.type = 'Q8_0';
    config.hardware.threads = 1;
    return config;
  }

  test('downloads a model that is not in the cache, and reports it', async () => {
    await using manager = new ModelManager(configuration());
    const seen: number[] = [];
    expect(await manager.loadModel({ onProgress: (value) => void seen.push(value) }), String(manager.lastError)).toBe(
      true,
    );
    expect(hub.served).toBeGreaterThan(0);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.some((value) => value > 0 && value < 0.9)).toBe(true);
    expect(seen.at(-1)).toBe(1);
    const { served } = hub;
    await manager.unloadModel();
    expect(await manager.loadModel()).toBe(true);
    expect(hub.served).toBe(served);
  });

  test.each([
    ['HF_HUB_OFFLINE', () => vi.stubEnv('HF_HUB_OFFLINE', '1')],
    ['network.offline', (config: Config) => (config.network.offline = true)],
  ])('does not where %s forbids it', async (name, forbid) => {
    const config = configuration();
    forbid(config);
    const manager = new ModelManager(config);
    expect(await manager.loadModel()).toBe(false);
    expect(manager.lastError).toMatchObject({ code: 'ERR_MODEL_NOT_FOUND', message: expect.stringContaining(name) });
    expect(hub.requests).toEqual([]);
  });

  test('ends with its signal, and goes on the next time', async () => {
    const manager = new ModelManager(configuration());
    const controller = new AbortController();
    const onProgress = (value: number) => value > 0.4 && controller.abort(new Error('enough'));
    expect(await manager.loadModel({ signal: controller.signal, onProgress })).toBe(false);
    expect(manager.lastError?.message).toBe('enough');
    const { served } = hub;
    expect(await manager.loadModel()).toBe(true);
    expect(hub.served - served).toBeLessThan(served);
    await manager.unloadModel();
  });
});

describe('bllossom pull', () => {
  const run = (args: string[], env: Record<string, string> = {}) =>
    bllossom(['pull', ...args], { cwd: folder, env: { HF_HUB_OFFLINE: '0', HF_ENDPOINT: hub.endpoint, ...env } });

  test('says what it made, and the second time that it is there', async () => {
    const first = await run(['test/model', '--type', 'Q8_0', '--threads', '1']);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/model_cache\/test--model\.Q8_0\.gguf: .*, SHA-256 [0-9a-f]{64}, .* downloaded\n$/);
    expect(readdirSync(join(folder, 'model_cache'))).toContain('test--model.Q8_0.gguf.json');
    const second = await run(['test/model', '--type', 'Q8_0'], KOREAN);
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('이미 캐시에 있습니다') });
  });

  test('stopped by Ctrl-C keeps what came and says how to go on, in both languages', async () => {
    hub.delay = 5;
    for (const [env, text] of [
      [{}, /What was downloaded is kept .*bllossom rm test\/model(.|\n)*interrupted/],
      [KOREAN, /같은 명령으로 이어서 받고(.|\n)*중단되었습니다/],
    ] as const) {
      const { served } = hub;
      const session = new Session(['pull', 'test/model', '--type', 'F16', '--threads', '1'], {
        cwd: folder,
        env: { HF_HUB_OFFLINE: '0', HF_ENDPOINT: hub.endpoint, ...env },
      });
      let isInterrupted = false; // once: a second Ctrl-C ends it without a word
      hub.onServed = () => {
        if (isInterrupted || hub.served - served <= 150_000) return;
        isInterrupted = true;
        session.interrupt();
      };
      const stopped = await session.done;
      expect(stopped.code).toBe(130);
      expect(stopped.stderr).toMatch(text);
    }
    hub.delay = 0;
    hub.onServed = undefined;
    expect((await run(['test/model', '--type', 'F16'])).code).toBe(0);
  });

  test('says what is wrong', async () => {
    hub.requiredToken = 'x';
    const gated = await run(['test/model'], KOREAN);
    expect(gated).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^bllossom: 오류: .*gated.*HF_TOKEN/),
    });
    expect((await run(['nonsense'])).stderr).toMatch(/There is no model "nonsense"/);
    expect((await run(['test/model'], { HF_HUB_OFFLINE: '1' })).stderr).toMatch(/HF_HUB_OFFLINE forbids/);
    expect((await run([])).stderr).toMatch(/missing required argument/);
  });
});
