import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { Config } from '../../lib/config.js';
import { decodeImage } from '../../lib/image/decode.js';
import { imageFetcher } from '../../lib/net/image-fetcher.js';
import { patient } from '../support/patience.js';
import { pngFile } from '../support/png.js';
import { reply, startServer } from '../support/small-internet.js';

const server = await startServer((socket, path) => {
  const left = Number(/^\/chain\/(\d+)$/.exec(path)?.[1] ?? 0);
  if (path === '/silent') return;
  if (left > 0) reply(socket, 302, { location: `/chain/${left - 1}` });
  else reply(socket, 200, {}, pngFile(1, 1, 8, 2, [1, 2, 3]));
});
afterAll(() => server.close());

let config: Config;
beforeEach(() => {
  config = new Config();
  server.accepted = 0;
});
const decode = (path: string) =>
  decodeImage(`http://127.0.0.1:${server.port}${path}`, { fetchUrl: imageFetcher(config.network) });

describe('the section network', () => {
  test('allows public image URLs, and nothing else, without being asked', async () => {
    expect(config.network).toEqual({
      allowImageUrls: true,
      allowPrivateAddresses: false,
      timeout: 10,
      maxRedirects: 3,
      offline: false,
    });
    await expect(decode('/a.png')).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/^127\.0\.0\.1 is not a public address.*network\.allowPrivateAddresses/),
    });
    expect(server.accepted).toBe(0);
  });

  test('allows private addresses', async () => {
    config.network.allowPrivateAddresses = true;
    expect([...(await decode('/chain/3')).rgb]).toEqual([1, 2, 3]);
    await expect(decode('/chain/4')).rejects.toMatchObject({ code: 'ERR_CONNECTION' });
  });

  test('allows no image URLs at all', async () => {
    Object.assign(config.network, { allowImageUrls: false, allowPrivateAddresses: true });
    expect(imageFetcher(config.network)).toBeUndefined();
    await expect(decode('/a.png')).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining('Set network.allowImageUrls to true, or pass the file itself.'),
    });
    expect(server.accepted).toBe(0);
  });

  test('limits redirects and time', async () => {
    Object.assign(config.network, { allowPrivateAddresses: true, maxRedirects: 1, timeout: patient(0.1) });
    await expect(decode('/chain/2')).rejects.toThrow(/more than 1 times/);
    await expect(decode('/silent')).rejects.toThrow(`within ${patient(0.1)} s`);
    await server.allClosed();
  });

  test('is read from and written to YAML', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bllossom-network-'));
    const file = join(folder, 'config.yaml');
    writeFileSync(file, 'network:\n  allow_image_urls: false\n  timeout: 2.5\n  max_redirects: 0\n');
    const read = new Config(file);
    const expected = {
      allowImageUrls: false,
      allowPrivateAddresses: false,
      timeout: 2.5,
      maxRedirects: 0,
      offline: false,
    };
    expect(read.network).toEqual(expected);
    read.saveToYaml(file);
    expect(new Config(file).network).toEqual(expected);
    rmSync(folder, { recursive: true });
  });

  test.each<[string, unknown]>([
    ['allowImageUrls', 1],
    ['allowImageUrls', 'yes'],
    ['allowPrivateAddresses', 'false'],
    ['allowPrivateAddresses', null],
    ['timeout', 0],
    ['timeout', -1],
    ['timeout', NaN],
    ['timeout', Infinity],
    ['timeout', 3601],
    ['timeout', '10'],
    ['maxRedirects', -1],
    ['maxRedirects', 11],
    ['maxRedirects', 1.5],
    ['maxRedirects', undefined],
  ])('%s: %j is refused, also at the moment of use', async (key, value) => {
    Object.assign(config.network, { [key]: value });
    for (const use of [() => config.validate(), () => imageFetcher(config.network)]) {
      expect(use).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_OPTION',
          message: expect.stringContaining(`for network.${key} but`),
        }),
      );
    }
  });
});
