import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

// A registry of one package, served here: a tiny source tree inside a git bundle inside a tarball, as the real one.

const script = path.resolve('scripts/vendor.mjs');
const NOBODY_LISTENS = 'http://127.0.0.1:9';

let scratch: string;
let server: Server;
let registry: string;
let requests = 0;
let good: { package: string; integrity: string; bundle: string; tree: string; paths: string[] };

function git(cwd: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'init.defaultBranch=main'];
  return execFileSync('git', [...identity, ...args], { cwd, encoding: 'utf8' }).trim();
}

function makeTarball(): { file: string; tree: string } {
  const source = path.join(scratch, 'source');
  mkdirSync(path.join(source, 'src'), { recursive: true });
  writeFileSync(path.join(source, 'LICENSE'), 'a licence\n');
  writeFileSync(path.join(source, 'src', 'a.c'), 'int a;\n');
  writeFileSync(path.join(source, 'unwanted.txt'), 'not in the pinned paths\n');
  git(source, 'init', '-q');
  git(source, 'add', '.');
  git(source, 'commit', '-q', '-m', 'all');
  const folder = path.join(scratch, 'package');
  mkdirSync(folder);
  git(source, 'bundle', 'create', '-q', path.join(folder, 'sources.bundle'), 'HEAD');
  writeFileSync(path.join(folder, 'package.json'), '{"name":"carrier","version":"1.0.0"}');
  execFileSync('tar', ['-czf', path.join(scratch, 'carrier-1.0.0.tgz'), '-C', scratch, 'package']);
  return { file: path.join(scratch, 'carrier-1.0.0.tgz'), tree: git(source, 'rev-parse', 'HEAD^{tree}') };
}

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), 'vendor-test-'));
  const { file, tree } = makeTarball();
  const bytes = readFileSync(file);
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  good = { package: 'carrier@1.0.0', integrity, bundle: 'package/sources.bundle', tree, paths: ['LICENSE', 'src'] };
  server = createServer((request, response) => {
    requests++;
    if (request.url?.endsWith('.tgz')) {
      response.end(bytes);
      return;
    }
    const dist = { tarball: `${registry}/carrier/-/carrier-1.0.0.tgz`, integrity };
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        name: 'carrier',
        'dist-tags': { latest: '1.0.0' },
        versions: { '1.0.0': { name: 'carrier', version: '1.0.0', dist } },
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  rmSync(scratch, { recursive: true, force: true });
});

describe('npm run vendor', () => {
  let project: string;
  const vendored = (...names: string[]) => path.join(project, 'vendor', 'llama.cpp', ...names);

  beforeEach(() => {
    project = mkdtempSync(path.join(scratch, 'project-'));
    mkdirSync(path.join(project, 'scripts'));
    mkdirSync(path.join(project, 'vendor'));
    cpSync(script, path.join(project, 'scripts', 'vendor.mjs'));
  });

  function vendor(pin: object, from = registry): Promise<{ code: number; stdout: string; stderr: string }> {
    writeFileSync(path.join(project, 'vendor', 'pin.json'), JSON.stringify({ version: '1.0.0', ...good, ...pin }));
    const env = {
      ...process.env,
      npm_config_registry: from,
      npm_config_cache: path.join(project, 'cache'),
      npm_config_fetch_retries: '0',
    };
    return new Promise((resolve) => {
      execFile(process.execPath, [path.join(project, 'scripts', 'vendor.mjs')], { env }, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
      });
    });
  }

  test('materialises the pinned paths and nothing else', async () => {
    expect(await vendor({})).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(vendored('src', 'a.c'), 'utf8')).toBe('int a;\n');
    expect(readdirSync(vendored()).sort()).toEqual(['.pin', 'LICENSE', 'src']);
    expect(readdirSync(path.join(project, 'vendor')).sort()).toEqual(['llama.cpp', 'pin.json']);
  });

  test('does nothing the second time, even without a registry', async () => {
    await vendor({});
    const before = requests;
    expect(await vendor({}, NOBODY_LISTENS)).toMatchObject({ code: 0, stderr: '' });
    expect(requests).toBe(before);
  });

  test('replaces the tree when the pin changes', async () => {
    await vendor({});
    expect(await vendor({ paths: ['LICENSE'] })).toMatchObject({ code: 0 });
    expect(readdirSync(vendored()).sort()).toEqual(['.pin', 'LICENSE']);
  });

  test.each([
    ['a tarball of another integrity', { integrity: 'sha512-AAAA' }, /integrity is sha512-\S+, vendor\/pin\.json says/],
    ['sources of another git tree', { tree: '0'.repeat(40) }, /git tree [0-9a-f]{40}, vendor\/pin\.json says 0{40}/],
    ['a package without the bundle', { bundle: 'package/other.bundle' }, /`tar .*` failed/],
  ])('refuses %s and leaves nothing behind', async (_name, pin, message) => {
    const { code, stderr } = await vendor(pin);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(readdirSync(path.join(project, 'vendor'))).toEqual(['pin.json']);
  });

  test('a registry that cannot be reached: one message that says what to check, and the old tree stays', async () => {
    await vendor({});
    const { code, stderr } = await vendor({ paths: ['src'] }, NOBODY_LISTENS);
    expect(code).toBe(1);
    expect(stderr.match(/^vendor: /gm)).toHaveLength(1);
    expect(stderr).toMatch(/`npm pack carrier@1\.0\.0.*` failed/);
    expect(stderr).toMatch(/npm registry can be reached/);
    expect(existsSync(vendored('LICENSE'))).toBe(true);
    expect(readdirSync(path.join(project, 'vendor')).sort()).toEqual(['llama.cpp', 'pin.json']);
  });
});
