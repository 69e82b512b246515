import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let project: string;

const CMAKE = 'cmake version 4.1.0';
const COMPLETE = { cmake: CMAKE, 'g++': '12', make: '4' };

/** Runs a script of a package folder without an addon, on a machine that has only `programs`. */
function run(script: string, programs: Record<string, string>, env: NodeJS.ProcessEnv = {}) {
  const bin = path.join(project, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, path.join(bin, 'node'));
  for (const [name, version] of Object.entries(programs)) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\necho "${version}"\n`, { mode: 0o755 });
  }
  return spawnSync(process.execPath, [path.join(project, 'scripts', script)], {
    env: { PATH: bin, ...env },
    encoding: 'utf8',
  });
}

function put(file: string, text: string) {
  mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
  writeFileSync(path.join(project, file), text);
}

beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'install-test-'));
  for (const script of ['install.mjs', 'build-native.mjs', 'build-tools.mjs', 'compilers.mjs', 'compilers.json']) {
    cpSync(path.join('scripts', script), path.join(project, 'scripts', script));
  }
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

describe('the install script', () => {
  test('names every missing tool in English and Korean, and lets the installation succeed', () => {
    const { status, stdout, stderr } = run('install.mjs', {});
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('cmake (3.21 or newer), a C++17 compiler (g++ or clang++), ninja or make')).toHaveLength(3);
    expect(stdout).toContain('다음이 없습니다');
    expect(stdout.split('npx bllossom build')).toHaveLength(3);
    expect(stdout).not.toMatch(/^\s+at /m);
  });

  test('takes an old cmake for a missing one', () => {
    const { status, stdout } = run('install.mjs', { ...COMPLETE, cmake: 'cmake version 3.18.4' });
    expect(status).toBe(0);
    expect(stdout).toContain('needs: cmake (3.21 or newer).');
  });

  test('succeeds without an addon when the sources cannot be fetched, and says how to try again', () => {
    put('scripts/vendor.mjs', 'console.error("vendor: no network"); process.exitCode = 1;');
    const { status, stdout, stderr } = run('install.mjs', COMPLETE);
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'vendor: no network\n' });
    expect(stdout).toMatch(/could not be fetched.*\n.*npx bllossom build/);
  });

  test('succeeds without an addon when the build fails', () => {
    put('vendor/llama.cpp/.pin', '');
    put('scripts/build-native.mjs', 'process.exitCode = 1;');
    const { status, stdout } = run('install.mjs', COMPLETE);
    expect(status).toBe(0);
    expect(stdout).toMatch(/build failed.*\n.*npx bllossom build/);
  });

  test('builds nothing where an addon loads, whatever tools there are', () => {
    put('node_modules/node-gyp-build/index.js', 'module.exports = () => ({});');
    const { status, stdout } = run('install.mjs', COMPLETE);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'install: the addon is in place\n' });
  });

  test('takes an addon that crashes while it loads for a missing one', () => {
    put('node_modules/node-gyp-build/index.js', 'process.kill(process.pid, "SIGILL");');
    expect(run('install.mjs', {}).stdout).toContain('no prebuilt addon fits');
  });

  test('BLLOSSOM_SKIP_BUILD=1 builds nothing and succeeds', () => {
    const { status, stdout } = run('install.mjs', COMPLETE, { BLLOSSOM_SKIP_BUILD: '1' });
    expect(status).toBe(0);
    expect(stdout).toContain('nothing is built');
    expect(readdirSync(project).sort()).toEqual(['bin', 'scripts']);
  });
});

describe('the build script', () => {
  test('fails before it configures, naming what is missing and how to get it', () => {
    put('vendor/llama.cpp/.pin', '');
    const { status, stderr } = run('build-native.mjs', { cmake: CMAKE, make: '4' });
    expect(status).toBe(1);
    expect(stderr).toContain('needs: a C++17 compiler (g++ or clang++).');
    if (process.platform === 'linux') expect(stderr).toContain('apt-get install g++ cmake ninja-build');
  });
});
