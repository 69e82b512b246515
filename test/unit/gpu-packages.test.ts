import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BackendError } from '../../lib/errors.js';
import { type GpuPackage, gpuPackageName, loadGpuPackages, suggestGpuPackage } from '../../lib/native/gpu-packages.js';

// Which packages are found and taken. That a library really loads is for the tests of the addon.

const CUDA = gpuPackageName('cuda');
const VULKAN = gpuPackageName('vulkan');

let modules: string;
let root: string;
let asked: string[];
beforeEach(() => {
  modules = join(mkdtempSync(join(tmpdir(), 'gpu-packages-test-')), 'node_modules');
  root = put('node-bllossom', '{ "version": "1.2.3" }');
  asked = [];
});
afterEach(() => rmSync(join(modules, '..'), { recursive: true, force: true }));

function put(name: string, manifest: string): string {
  const folder = join(modules, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), manifest);
  return folder;
}

/** `outcome`: what loading a folder brings or, when it is text, why it fails. */
function load(outcome: (folder: string) => string[] | string = () => ['GPU']) {
  const loadBackends = (folder: string) => {
    asked.push(folder);
    const result = outcome(folder);
    if (typeof result === 'string') throw new BackendError(result);
    return result;
  };
  return loadGpuPackages({ loadBackends }, root);
}

describe('GPU packages', () => {
  it('are none where none is installed', () => {
    expect(load()).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('are loaded from the folder lib of the package beside this one', () => {
    const folder = put(CUDA, '{ "version": "1.2.3" }');
    expect(load()).toEqual([{ name: CUDA, version: '1.2.3', backends: ['GPU'], problem: null }]);
    expect(asked).toEqual([join(folder, 'lib')]);
  });

  it.each([
    ['an older version', '{ "version": "1.2.2" }', '1.2.2'],
    ['a newer version', '{ "version": "1.2.3-beta.1" }', '1.2.3-beta.1'],
    ['no version', '{}', ''],
    ['a version that is no text', '{ "version": 3 }', ''],
    ['no manifest that could be read', '{', ''],
    ['a manifest of null', 'null', ''],
  ])('with %s are left alone, and the command that repairs it is told', (_, manifest, version) => {
    put(CUDA, manifest);
    const [only, ...others] = load();
    expect(others).toEqual([]);
    expect(only).toMatchObject({ name: CUDA, version, backends: [] });
    expect(only?.problem).toMatch(
      /does not go with node-bllossom 1\.2\.3; run "npm install @node-bllossom\/.*@1\.2\.3"/,
    );
    expect(asked).toEqual([]);
  });

  it('that do not load say why, and what is missing', () => {
    put(CUDA, '{ "version": "1.2.3" }');
    const problem = (reason: string) => load(() => reason)[0]?.problem;
    expect(problem('libcuda.so.1: cannot open shared object file')).toMatch(/^libcuda\.so\.1.*: the driver of NVIDIA/);
    expect(problem('libcublas.so.13: cannot open shared object file')).toMatch(/: cuBLAS is missing; install/);
    expect(problem('libvulkan.so.1: cannot open shared object file')).toMatch(/: the Vulkan loader is missing/);
    expect(problem('out of luck')).toBe('out of luck');
  });

  it('of two kinds give way: the GPUs are served once', () => {
    put(CUDA, '{ "version": "1.2.3" }');
    put(VULKAN, '{ "version": "1.2.3" }');
    expect(load()).toMatchObject([
      { name: CUDA, problem: null },
      { name: VULKAN, backends: [], problem: `${CUDA} serves the GPUs already` },
    ]);
    const withoutDriver = load((folder) => (folder.includes('cuda') ? 'libcuda.so.1: no such file' : ['Vulkan']));
    expect(withoutDriver).toMatchObject([{ problem: /driver/ }, { backends: ['Vulkan'], problem: null }]);
  });

  it('of the folder that a program is started in are not looked at', () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'));
    const before = process.cwd();
    put(CUDA, '{ "version": "1.2.3" }');
    root = elsewhere;
    writeFileSync(join(elsewhere, 'package.json'), '{ "version": "1.2.3" }');
    try {
      process.chdir(join(modules, '..'));
      expect(load()).toEqual([]);
    } finally {
      process.chdir(before);
      rmSync(elsewhere, { recursive: true });
    }
  });
});

describe('the suggestion of a package', () => {
  const device = (type: 'cpu' | 'gpu') => ({ ...{ name: 'X', description: '', memoryFree: 0, memoryTotal: 0 }, type });
  const suggest = (devices: ('cpu' | 'gpu')[], installed: GpuPackage[] = [], driver: string | undefined = root) =>
    suggestGpuPackage({ devices: devices.map(device) }, installed, driver);

  it('is made where the driver of NVIDIA is and nothing uses it', () => {
    expect(suggest(['cpu'])).toBe(CUDA);
  });

  it('is not made without the driver, beside a GPU that is used, or for a package that is there', () => {
    expect(suggest(['cpu'], [], join(root, 'no-driver'))).toBeNull();
    expect(suggest(['cpu', 'gpu'])).toBeNull();
    expect(suggest(['cpu'], [{ name: CUDA, version: '1', backends: [], problem: 'no cuBLAS' }])).toBeNull();
  });
});
