import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NativeMissingError } from '../../lib/errors.js';
import { explainMissing, type Host } from '../../lib/native/missing.js';

const BUILD = /"npx bllossom build".*CMake 3\.21 or newer and a C\+\+17 compiler/;
const LINUX: Host = { platform: 'linux', arch: 'x64', glibc: '2.36' };
const cause = new Error('libgone.so.1: cannot open shared object file\nsecond line');

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'missing-test-'));
  put('scripts/compilers.json');
  cpSync('scripts/compilers.json', join(root, 'scripts', 'compilers.json'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(...files: string[]) {
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
}

const said = (host: Partial<Host> = {}) => explainMissing(root, cause, { ...LINUX, ...host }).message;

describe('the explanation of an addon that does not load', () => {
  it('is a typed error that keeps the cause', () => {
    const error = explainMissing(root, cause, LINUX);
    expect(error).toBeInstanceOf(NativeMissingError);
    expect(error).toMatchObject({ code: 'ERR_NATIVE_MISSING', cause });
    expect(error.message).toContain(`linux-x64, Node ${process.versions.node}`);
    expect(error.message).not.toContain('second line');
  });

  it('without any addon tells how to build one, with the command of the platform', () => {
    expect(said()).toMatch(/holds no prebuilt addon, and none was built/);
    expect(said()).toMatch(BUILD);
    expect(said()).toContain('apt-get install g++ cmake ninja-build');
    expect(said({ platform: 'darwin' })).toContain('brew install cmake');
    expect(said({ platform: 'win32' })).toContain('winget');
    expect(said({ platform: 'freebsd' })).toContain('packages of your system');
  });

  it('names the platforms that are prebuilt where this one is not', () => {
    put('prebuilds/linux-x64/bllossom.node', 'prebuilds/darwin-arm64/bllossom.node', 'prebuilds/win32-x64/readme.txt');
    expect(said({ arch: 'riscv64' })).toContain('for linux-riscv64 (there is one for darwin-arm64, linux-x64)');
    expect(said({ arch: 'riscv64' })).toMatch(BUILD);
  });

  it('asks for a 64-bit Node on 32 bits, where a build would not help', () => {
    for (const arch of ['ia32', 'arm']) {
      expect(said({ arch })).toMatch(new RegExp(`built for ${arch}, a 32-bit.*Install a 64-bit Node$`));
    }
  });

  it('tells a C library that the prebuilt addon is not made for', () => {
    put('prebuilds/linux-x64/bllossom.node');
    expect(said({ glibc: null })).toMatch(/needs glibc, and the C library here is another one/);
    expect(said({ glibc: '2.31' })).toMatch(/needs glibc 2\.34 or newer, and this is glibc 2\.31/);
    expect(said({ glibc: '2.9' })).toMatch(/this is glibc 2\.9/);
    for (const glibc of ['2.34', '2.100']) expect(said({ glibc })).toMatch(/does not load \(libgone\.so\.1/);
    expect(said({ platform: 'linux', glibc: null })).toMatch(BUILD);
  });

  it('gives the reason of the loader otherwise', () => {
    put('prebuilds/win32-x64/bllossom.node');
    expect(said({ platform: 'win32', glibc: undefined })).toMatch(/does not load \(libgone\.so\.1: cannot open/);
  });

  it('blames a build that does not load, and offers the prebuilt addon behind it', () => {
    put('build/Release/bllossom.node');
    expect(said()).toContain(`what was built in ${join(root, 'build', 'Release')} does not load (libgone.so.1`);
    expect(said()).not.toContain('or remove');
    put('prebuilds/linux-x64/bllossom.node');
    expect(said()).toContain(`or remove ${join(root, 'build')}: a prebuilt addon is there too`);
  });

  it('knows the C library of this machine', () => {
    put(`prebuilds/${process.platform}-${process.arch}/bllossom.node`);
    expect(explainMissing(root, cause).message).toContain('does not load (libgone.so.1');
  });
});
