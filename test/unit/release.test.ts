import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { GLIBC_FLOOR } from '../../lib/native/missing.js';
import {
  GPU_PACKAGES,
  libraryName,
  NODE_VERSIONS,
  PACKAGE_MANAGERS,
  PLATFORMS,
} from '../../scripts/release/platforms.mjs';

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Job {
  needs?: string[];
  if?: string;
  steps: Step[];
  permissions?: Record<string, string>;
  'runs-on': string;
  strategy?: { matrix: { include: Record<string, string>[]; node?: number[]; platform?: string[] } };
}
interface Workflow {
  on: { push?: { tags?: string[]; branches?: string[] }; pull_request?: unknown };
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const read = (file: string) => readFileSync(file, 'utf8');
const workflow = parse(read('.github/workflows/release.yml')) as Workflow;
const manifest = JSON.parse(read('package.json')) as {
  version: string;
  scripts: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
};
const job = (name: string) => workflow.jobs[name] as Job;
const matrix = (name: string) => job(name).strategy?.matrix;
const steps = Object.values(workflow.jobs).flatMap(({ steps }) => steps);

describe('the release workflow', () => {
  it('builds every platform, and every package for GPUs', () => {
    expect(matrix('prebuild')?.include.map(({ platform }) => platform)).toEqual(PLATFORMS);
    expect(matrix('gpu-package')?.include.map((row) => row.package)).toEqual(GPU_PACKAGES);
    for (const row of matrix('gpu-package')?.include ?? []) expect(row.package).toMatch(new RegExp(`-${row.backend}$`));
  });

  it('tries the tarball on every platform where it was built, with every Node', () => {
    expect(matrix('smoke')?.platform).toEqual(PLATFORMS);
    expect(matrix('smoke')?.node).toEqual(NODE_VERSIONS);
    expect(matrix('smoke')?.include).toEqual(matrix('prebuild')?.include);
    expect(job('smoke').needs).toEqual(['pack']);
    expect(job('pack').needs).toEqual(['prebuild']);
  });

  it('packs only what is complete', () => {
    expect(job('pack').steps.map(({ run }) => run)).toContain('node scripts/release/pack.mjs --all-platforms');
  });

  it('publishes for a tag alone, when everything else has passed', () => {
    const others = Object.keys(workflow.jobs).filter((name) => name !== 'publish');
    expect(job('publish').needs?.toSorted()).toEqual(others.toSorted());
    expect(job('publish').if).toBe("github.ref_type == 'tag'");
    expect(workflow.on.push).toEqual({ tags: ['v*'] });
    expect(workflow.on.pull_request).toBeUndefined();
    expect(read('scripts/release/publish.mjs')).toContain("'--provenance'");
  });

  it('lets the job that publishes, and no other, sign', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    const own = Object.entries(workflow.jobs).flatMap(([name, { permissions }]) => (permissions ? [name] : []));
    expect(own).toEqual(['publish']);
    expect(job('publish').permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    expect(steps.filter(({ run, uses }) => /secrets\./.test(`${run}${uses}`))).toEqual([]);
  });

  it('pins its actions, and keeps no credentials in a checkout', () => {
    const used = steps.filter(({ uses }) => uses !== undefined);
    for (const { uses } of used) expect(uses).toMatch(/^[\w.-]+\/[\w.-]+@v\d+(\.\d+)*$/);
    const checkouts = used.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    expect(checkouts).toHaveLength(Object.keys(workflow.jobs).length);
    for (const checkout of checkouts) expect(checkout.with).toMatchObject({ 'persist-credentials': false });
  });

  it('calls scripts that there are', () => {
    const lines = steps.map(({ run = '' }) => run).join('\n');
    const files = [...lines.matchAll(/node (scripts\/[\w./-]+)/g)].map(([, file]) => file as string);
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) expect(existsSync(file), file).toBe(true);
    const scripts = [...lines.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name as string);
    expect(scripts).toContain('prebuildify');
    for (const name of scripts) expect(Object.keys(manifest.scripts)).toContain(name);
  });
});

describe('what a release consists of', () => {
  it('stands in package.json, so that every package manager links the packages for GPUs, and installs none unasked', () => {
    const peers = Object.keys(manifest.peerDependencies).filter((name) => name.startsWith('@node-bllossom/'));
    expect(peers.toSorted()).toEqual(GPU_PACKAGES.map((name) => `@node-bllossom/${name}`).toSorted());
    for (const name of peers) expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
    expect(JSON.stringify(manifest)).not.toContain('optionalDependencies');
  });

  it('stands in the READMEs, with the C library that it needs', () => {
    for (const file of ['README.md', 'README.ko.md']) {
      const text = read(file);
      for (const name of [...PLATFORMS, ...GPU_PACKAGES]) expect(text, file).toContain(name);
      expect(text).toContain(`glibc ${GLIBC_FLOOR}`);
      for (const name of PACKAGE_MANAGERS) expect(text).toContain(name);
    }
  });

  it('needs the C library that the prebuilt files are checked against', () => {
    expect(read('scripts/prebuild/check.mjs')).toContain(`GLIBC: '${GLIBC_FLOOR}'`);
  });
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'release-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(file: string, text = '') {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function script(file: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('the package for a GPU', () => {
  const make = (backend: string, platform: string) =>
    script(
      'scripts/gpu-package.mjs',
      ...[
        '--backend',
        backend,
        '--platform',
        platform,
        '--from',
        join(folder, 'built'),
        '--into',
        join(folder, 'made'),
      ],
    );

  it.each(GPU_PACKAGES)('%s holds its library, who may install it, and the licences', (name) => {
    const [os = '', cpu = '', backend = ''] = name.split('-');
    const library = libraryName(`${os}-${cpu}`, backend);
    put(`built/${library}`, 'the library');
    expect(make(backend, `${os}-${cpu}`)).toMatchObject({ status: 0, stderr: '' });
    const made = (file: string) => read(join(folder, 'made', name, file));
    expect(made(`lib/${library}`)).toBe('the library');
    expect(JSON.parse(made('package.json'))).toMatchObject({
      ...{ name: `@node-bllossom/${name}`, version: manifest.version, license: 'MIT', os: [os], cpu: [cpu] },
      files: ['lib', 'licenses'],
    });
    expect(made('LICENSE')).toBe(read('LICENSE'));
    expect(made('licenses/ggml.txt')).toContain('MIT License');
    expect(made('README.md')).toContain(`npm install node-bllossom@${manifest.version}`);
  });

  it('is not made without its library, nor for what is not published', () => {
    const without = make('cuda', 'linux-x64');
    expect(without.status).toBe(1);
    expect(without.stderr).toMatch(/libggml-cuda\.so is missing: run "npm run build -- --cuda"/);
    const unknown = make('cuda', 'linux-mips');
    expect(unknown.status).toBe(1);
    expect(unknown.stderr).toMatch(/no package linux-mips-cuda; known are linux-x64-cuda/);
  });
});

describe('publishing', () => {
  const publish = () =>
    script('scripts/release/publish.mjs', join(folder, 'main.tgz'), join(folder, 'gpu'), '--dry-run');

  /** A tarball of the main package, and the packages for GPUs. */
  function prepare(version: string) {
    put('package/package.json', JSON.stringify({ name: 'node-bllossom', version }));
    spawnSync('tar', ['-czf', 'main.tgz', 'package'], { cwd: folder });
    for (const name of GPU_PACKAGES) {
      put(`gpu/gpu-package-${name}/package.json`, JSON.stringify({ name: `@node-bllossom/${name}`, version }));
      put(`gpu/gpu-package-${name}/lib/library`);
    }
  }

  it('takes the packages for GPUs first, and everything under the same version', () => {
    prepare('1.2.3');
    const { status, stdout } = publish();
    expect(status).toBe(0);
    const names = [...stdout.matchAll(/would publish (\S+) 1\.2\.3 as latest/g)].map(([, name]) => name);
    expect(names).toEqual([...GPU_PACKAGES.map((name) => `@node-bllossom/${name}`), 'node-bllossom']);
  });

  it('keeps a preview from becoming what everybody gets', () => {
    prepare('1.2.3-beta.1');
    expect(publish().stdout).toContain('node-bllossom 1.2.3-beta.1 as next');
  });

  it.each([
    ['a package is missing', () => rmSync(join(folder, 'gpu', 'gpu-package-win32-x64-cuda'), { recursive: true })],
    [
      'a package has another version',
      () => put('gpu/gpu-package-linux-x64-cuda/package.json', '{ "version": "1.2.2" }'),
    ],
    ['a package is empty', () => rmSync(join(folder, 'gpu', 'gpu-package-linux-x64-cuda', 'lib', 'library'))],
  ])('does nothing when %s', (_, spoil) => {
    prepare('1.2.3');
    spoil();
    const { status, stdout, stderr } = publish();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/(win32|linux)-x64-cuda|1\.2\.2/);
  });
});

describe('the check of the version', () => {
  function versionOf(tag: string, changelog: string, lock = '1.2.3') {
    for (const file of ['scripts/release/version.mjs']) cpSync(file, join(folder, file));
    put('package.json', '{ "version": "1.2.3" }');
    put('package-lock.json', JSON.stringify({ version: lock }));
    put('CHANGELOG.md', changelog);
    return script(join(folder, 'scripts', 'release', 'version.mjs'), tag);
  }
  const chapter = '# Changelog\n\n## [1.2.3] - 2026-01-01\n';

  it('passes where tag, package, lock file and changelog agree', () => {
    expect(versionOf('v1.2.3', chapter)).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it.each([
    ['another tag', ['v1.2.4', chapter], /the tag is "v1\.2\.4", and package\.json says 1\.2\.3/],
    ['no tag', ['', chapter], /the tag is ""/],
    ['an unreleased changelog', ['v1.2.3', '## [Unreleased]\n'], /no chapter \[1\.2\.3\]/],
    ['an old lock file', ['v1.2.3', chapter, '1.2.2'], /package-lock\.json has another version/],
  ])('refuses %s', (_, args, message) => {
    const { status, stderr } = versionOf(...(args as [string, string, string?]));
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  });
});
