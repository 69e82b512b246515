import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeImage } from '../../lib/image/decode.js';
import { isPublicAddress } from '../../lib/net/address-guard.js';
import { fetchBytes } from '../../lib/net/fetch-bytes.js';
import { names, routePublicAddresses, startCanaries } from '../support/small-internet.js';

const canaries = await startCanaries();
const WHERE = canaries.addresses.join(' and ') + (canaries.addresses.length < 2 ? ' (this machine has no ::1)' : '');
const PORT = canaries.port;

let route: ReturnType<typeof routePublicAddresses>;
beforeEach(() => {
  route = routePublicAddresses();
});
afterEach(() => route.restore());
afterAll(() => canaries.close());

describe('public addresses', () => {
  // first and last of every range that is not public, and their neighbours that are
  test.each([
    ...['0.0.0.0', '0.255.255.255', '10.0.0.0', '10.255.255.255', '100.64.0.0', '100.127.255.255', '127.0.0.0'],
    ...['127.255.255.255', '169.254.0.0', '169.254.169.254', '169.254.255.255', '172.16.0.0', '172.31.255.255'],
    ...['192.0.0.0', '192.0.0.255', '192.0.2.0', '192.0.2.255', '192.88.99.0', '192.88.99.255', '192.168.0.0'],
    ...['192.168.255.255', '198.18.0.0', '198.19.255.255', '198.51.100.0', '198.51.100.255', '203.0.113.0'],
    ...['203.0.113.255', '224.0.0.0', '239.255.255.255', '240.0.0.0', '255.255.255.255'],
    ...['::', '::1', '::2', '::7f00:1', '::127.0.0.1', '::8.8.8.8', '::ffff:127.0.0.1', '::ffff:10.0.0.1'],
    ...['::ffff:8.8.8.8', '::FFFF:127.0.0.1', '::ffff:0:127.0.0.1', '::ffff:0:8.8.8.8', '64:ff9b::', '64:ff9b::7f00:1'],
    ...['64:ff9b::8.8.8.8', '64:ff9b:1::', '64:ff9b:1:ffff::1', '100::', '100::ffff:ffff:ffff:ffff', '1fff:ffff::1'],
    ...['2001::', '2001:0:7f00:1::', '2001:1ff:ffff::1', '2001:db8::', '2001:db8:ffff::1', '2002::', '2002:7f00:1::'],
    ...['2002:ffff:ffff::1', '3fff::', '3fff:fff:ffff::1', '4000::', '5f00::1', 'fc00::', 'fd00:ec2::254', 'fdff::1'],
    ...['fe80::', 'fe80::1', 'febf::1', 'fec0::1', 'feff::1', 'ff00::', 'ff02::1', 'ffff::1'],
    ...['fe80::1%eth0', '::1%lo', '2606:4700::1111%eth0'],
    ...['', 'localhost', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '[::1]', '8.8.8.8 ', '8.8.8', 'a.b.c.d'],
  ])('%j is none', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each([
    ...['1.0.0.0', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
    ...['128.0.0.0', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '191.255.255.255', '192.0.1.0'],
    ...['192.0.3.0', '192.88.98.255', '192.88.100.0', '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0'],
    ...['198.51.99.255', '198.51.101.0', '203.0.112.255', '203.0.114.0', '223.255.255.255'],
    ...['2000::1', '2001:200::1', '2001:4860:4860::8888', '2001:db7::1', '2001:db9::1', '2003::1', '2606:4700::1111'],
    ...['2A00:1450::1', '3ffe::1', '3fff:1000::1'],
  ])('%s is one', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

/** Names whose addresses are not public, or not all of them. */
const NAMES: Record<string, string[][]> = {
  localhost: [['127.0.0.1', '::1']],
  'localhost.': [['127.0.0.1']],
  'www.localhost': [['::1']],
  'metadata.google.internal': [['169.254.169.254']],
  'printer.local': [['fe80::1%eth0']],
  'a-private.test': [['10.1.2.3']],
  'loopback.test': [['127.0.0.1']],
  'loopback6.test': [['::1']],
  'cname-to-localhost.test': [['127.0.0.1', '::1']], // as a resolver answers that follows the alias
  'mixed.test': [['93.184.215.14', '127.0.0.1']],
  'mixed-last.test': [['93.184.215.14', '2606:4700::1111', '8.8.8.8', '::1']],
  'mapped.test': [['::ffff:10.0.0.1']],
  'mapped-loopback.test': [['::ffff:127.0.0.1']],
  'compatible.test': [['::127.0.0.1']],
  'nat64.test': [['64:ff9b::7f00:1']],
  'sixtofour.test': [['2002:7f00:1::1']],
  'unique-local.test': [['fd00:ec2::254']],
  'any.test': [['0.0.0.0']],
  'any6.test': [['::']],
  'no-ip.test': [['loopback.test']],
  'xn--9t4b11yi5a.test': [['127.0.0.1']], // 테스트.test
  '127.0.0.1..': [['127.0.0.1']],
  '127.0.0.1.nip.test': [['127.0.0.1']],
  'example.com': [['127.0.0.1']],
};

const at = (host: string) => `http://${host}:${PORT}/a.png`;

const FORBIDDEN: string[] = [
  // IPv4, in every spelling that is folded into one
  ...['127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0X7F000001', '017700000001', '0177.0.0.1'].map(at),
  ...['0x7f.1', '0x7f.0x0.0x0.0x1', '127.0.0.1.', '127.0.0.1..', '127.127.127.127', '0', '0.0.0.0', '00', '0x0'].map(
    at,
  ),
  ...['①②⑦.⓪.⓪.①', '１２７.０.０.１', '127。0。0。1', '127．0．0．1', '127%2e0%2e0%2e1', '%31%32%37.0.0.1'].map(at),
  ...['0251.0376.0251.0376', '169.254.169.254', '0xa9fea9fe', '2852039166', '3232235777', '10.0.0.1', '012.0.0.1'].map(
    at,
  ),
  ...['172.16.0.1', '192.168.1.1', '100.64.0.1', '192.0.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255'].map(at),
  ...['1.2.3.4@127.0.0.1', 'user@127.0.0.1', 'user:secret@127.0.0.1', 'example.com@127.0.0.1', ':@127.0.0.1'].map(at),
  `http:\\\\127.0.0.1:${PORT}`,
  `http:127.0.0.1:${PORT}`,
  `http:/127.0.0.1:${PORT}`,
  `http:///127.0.0.1:${PORT}`,
  `HTTP://127.0.0.1:${PORT}`,
  `http://127.0.0.1\t:${PORT}/`,
  `http://127.0.0.1:${PORT}#@example.com`,
  `http://127.0.0.1:${PORT}\\@example.com`,
  `http://127.0.0.1:${PORT}?@example.com/`,
  `http://example.com:${PORT}\\@127.0.0.1:${PORT}`,
  `https://127.0.0.1:${PORT}/`,
  'http://127.0.0.1/',
  'http://127.0.0.1:22',
  // IPv6
  ...['[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[0000::0001]', '[::ffff:127.0.0.1]', '[::FFFF:7F00:1]'].map(at),
  ...['[::127.0.0.1]', '[::ffff:0:127.0.0.1]', '[64:ff9b::127.0.0.1]', '[64:ff9b:1::1]', '[2002:7f00:1::]'].map(at),
  ...['[2001::7f00:1]', '[2001:db8::1]', '[100::1]', '[fc00::1]', '[fd00:ec2::254]', '[fe80::1]', '[fec0::1]'].map(at),
  ...['[ff02::1]', '[fe80::1%25eth0]', '[::1%25lo]', '[::1%lo]', '[::1'].map(at),
  `https://[::1]:${PORT}/`,
  // names
  ...[
    'localhost',
    'LOCALHOST',
    'LocalHost.',
    'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ',
    '%6cocalhost',
    'www.localhost',
    'metadata.google.internal',
  ].map(at),
  ...Object.keys(NAMES).map(at),
  ...['테스트.test', 'LOOPBACK.test'].map(at),
  // other schemes
  `ftp://127.0.0.1:${PORT}/a.png`,
  `gopher://127.0.0.1:${PORT}/_GET`,
  `ws://127.0.0.1:${PORT}/`,
  `dict://127.0.0.1:${PORT}/`,
  `file://127.0.0.1:${PORT}/etc/hostname`,
  'file://example.com/etc/hostname',
];

/** As text no URLs here, hence paths of files that do not exist; as URL objects refused like the others. */
const PATHS = [
  `//127.0.0.1:${PORT}/a.png`,
  ` http://127.0.0.1:${PORT}/`,
  `ht\ntp://127.0.0.1:${PORT}`,
  `blob:http://127.0.0.1:${PORT}/a`,
  'javascript:fetch("//127.0.0.1")',
  `view-source:http://127.0.0.1:${PORT}/`,
];

describe(`${FORBIDDEN.length + PATHS.length} URLs to what is not public, canaries on ${WHERE}`, () => {
  const lookup = names(NAMES);
  const options = { timeout: 5, maxRedirects: 3, allowPrivateAddresses: false, lookup };
  const decode = (url: string | URL) =>
    decodeImage(url, { fetchUrl: (target, maxBytes, signal) => fetchBytes(target, { ...options, maxBytes, signal }) });
  const objects = (text: string) => (URL.canParse(text) ? [new URL(text)] : []);

  beforeAll(() => {
    expect(new Set(FORBIDDEN).size).toBeGreaterThanOrEqual(50);
  });

  test.each(FORBIDDEN)('%j is refused without a connection', async (text) => {
    for (const url of [text, ...objects(text)]) {
      await expect(decode(url)).rejects.toMatchObject({ name: 'InvalidArgumentError', code: 'ERR_INVALID_OPTION' });
    }
    expect(route.reached).toEqual([]);
  });

  test.each(PATHS)('%j is taken for a path', async (text) => {
    await expect(decode(text)).rejects.toMatchObject({ code: 'ERR_IO' });
    for (const url of objects(text)) await expect(decode(url)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(route.reached).toEqual([]);
  });

  test('none of them reached a canary, which would have noticed', async () => {
    console.log(`connections to forbidden addresses: ${canaries.connections.length} of ${FORBIDDEN.length} URLs`);
    expect(canaries.connections).toEqual([]);
    for (const address of canaries.addresses) {
      const url = new URL(`http://${address.includes(':') ? `[${address}]` : address}:${PORT}/`);
      const allowed = fetchBytes(url, { ...options, allowPrivateAddresses: true, maxBytes: 9 });
      await expect(allowed).rejects.toMatchObject({ code: 'ERR_CONNECTION' });
    }
    expect(canaries.connections.map((line) => line.split(' ')[0])).toEqual(canaries.addresses);
    expect(route.reached).toEqual(canaries.addresses);
  });

  test('the message names the address and the option, and nothing else of the URL', async () => {
    const url = new URL(`http://loopback.test:${PORT}/private/path?token=secret`);
    const error = await fetchBytes(url, { ...options, maxBytes: 9 }).catch((reason: Error) => reason);
    expect((error as Error).message).toBe(
      '127.0.0.1, the address of "loopback.test", is not a public address, so no image is fetched from it. ' +
        'Set network.allowPrivateAddresses to true if the URL can be trusted.',
    );
  });

  test.each(['user:secret@', 'user@', ':secret@'])('credentials (%s) are refused, and not repeated', async (who) => {
    const url = new URL(`http://${who}93.184.215.14:${PORT}/`);
    const error = await fetchBytes(url, { ...options, maxBytes: 9 }).catch((reason: Error) => reason);
    expect((error as Error).message).toMatch(/holds a user name or a password\. Remove/);
    expect((error as Error).message).not.toMatch(/secret|user[:@]/);
    expect(route.reached).toEqual([]);
  });
});
