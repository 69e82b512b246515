import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadNative } from '../../lib/native/load.js';

// Holds for both kinds of addon: one with its backends built in takes no library at all, one with dynamic backends none
// of these. A library that does load is shown by the prebuilt addon itself, whose CPU backend is one.

const binding = loadNative();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'backends-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const failure = (load: () => unknown): { code?: string; message?: string } => {
  try {
    return { message: `nothing was thrown, but ${String(load())} returned` };
  } catch (error) {
    return error as { code?: string; message?: string };
  }
};

describe('loadBackends', () => {
  it('adds nothing from an empty folder', () => {
    expect(binding.loadBackends(folder)).toEqual([]);
  });

  it('leaves what is no backend, and the levels of the CPU, which are beside the addon', () => {
    for (const name of ['readme.md', 'libother.so', 'libggml-cpu-haswell.so', 'libggml-cuda.so.txt']) {
      writeFileSync(join(folder, name), 'not a library');
    }
    expect(binding.loadBackends(folder)).toEqual([]);
  });

  it('says of a library that does not load which one it is, and why', () => {
    const library = join(folder, process.platform === 'win32' ? 'ggml-cuda.dll' : 'libggml-cuda.so');
    writeFileSync(library, 'not a library');
    const { code, message } = failure(() => binding.loadBackends(folder));
    expect(code).toBe('ERR_BACKEND');
    expect(message).toContain(`${library} cannot be loaded: `);
    expect(message?.length).toBeGreaterThan(`${library} cannot be loaded: `.length);
  });

  it('tries a folder again that failed, once it is repaired', () => {
    const library = join(folder, process.platform === 'win32' ? 'ggml-cuda.dll' : 'libggml-cuda.so');
    writeFileSync(library, 'not a library');
    expect(failure(() => binding.loadBackends(folder)).code).toBe('ERR_BACKEND');
    rmSync(library);
    expect(binding.loadBackends(folder)).toEqual([]);
  });

  it('says that a folder cannot be read', () => {
    const missing = join(folder, 'missing');
    const { code, message } = failure(() => binding.loadBackends(missing));
    expect(code).toBe('ERR_BACKEND');
    expect(message).toContain(`the folder of backends ${missing} cannot be read`);
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(failure(() => binding.loadBackends(file)).code).toBe('ERR_BACKEND');
  });

  it('takes a folder of a name that is not ASCII', () => {
    const named = join(folder, '백엔드 🙂');
    mkdirSync(named);
    expect(binding.loadBackends(named)).toEqual([]);
  });

  it('refuses what is no path', () => {
    for (const wrong of [undefined, null, 7, {}, []]) {
      const { code } = failure(() => binding.loadBackends(wrong as unknown as string));
      expect(code).toBe('ERR_INVALID_OPTION');
    }
  });
});

it('the CPU is there, whichever way it came', () => {
  expect(binding.systemInfo().devices.map(({ name }) => name)).toContain('CPU');
});
