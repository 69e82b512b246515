import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let project: string;

/** Runs the install script of a package folder without an addon, on a machine that has only `programs`. */
function install(programs: Record<string, string>, env: NodeJS.ProcessEnv = {}) {
  const bin = path.join(project, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, path.join(bin, 'node'));
  for (const [name, version] of Object.entries(programs)) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\necho "${version}"\n`, { mode: 0o755 });
  }
  return spawnSync(process.execPath, [path.join(project, 'scripts', 'install.mjs')], {
    env: { PATH: bin, ...env },
    encoding: 'utf8',
  });
}

beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'install-test-'));
  cpSync('scripts/install.mjs', path.join(project, 'scripts', 'install.mjs'));
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

describe('the install script', () => {
  test('names every missing tool in English and Korean, and how to go without', () => {
    const { status, stderr } = install({});
    expect(status).toBe(1);
    const missing = 'cmake (3.21 or newer), a C++17 compiler (g++ or clang++), ninja or make, git';
    expect(stderr.split(missing)).toHaveLength(3);
    expect(stderr).toContain('다음이 없습니다');
    expect(stderr).toContain('BLLOSSOM_SKIP_BUILD=1');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('takes an old cmake for a missing one', () => {
    const { status, stderr } = install({ cmake: 'cmake version 3.18.4', 'g++': '12', make: '4', git: '2' });
    expect(status).toBe(1);
    expect(stderr).toContain('needs: cmake (3.21 or newer).');
  });

  test('needs no git where the sources of llama.cpp are in the package', () => {
    mkdirSync(path.join(project, 'vendor', 'llama.cpp'), { recursive: true });
    writeFileSync(path.join(project, 'vendor', 'llama.cpp', '.pin'), '');
    const { stderr } = install({ cmake: 'cmake version 4.1.0', make: '4' });
    expect(stderr).toContain('needs: a C++17 compiler (g++ or clang++).');
  });

  test('BLLOSSOM_SKIP_BUILD=1 builds nothing and succeeds', () => {
    const { status, stdout } = install({}, { BLLOSSOM_SKIP_BUILD: '1' });
    expect(status).toBe(0);
    expect(stdout).toContain('not built');
    expect(readdirSync(project).sort()).toEqual(['bin', 'scripts']);
  });
});
