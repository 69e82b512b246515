import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

// The programs here are scripts that print a line: what is tested is which of them are looked for, and what is said
// when they are not there.

let machine: string;

beforeEach(() => {
  machine = mkdtempSync(path.join(tmpdir(), 'build-tools-'));
  mkdirSync(path.join(machine, 'bin'));
  symlinkSync(process.execPath, path.join(machine, 'bin', 'node'));
});

afterEach(() => rmSync(machine, { recursive: true, force: true }));

function program(name: string, output = '') {
  writeFileSync(path.join(machine, 'bin', name), `#!/bin/sh\necho "${output}"\n`, { mode: 0o755 });
}

function file(name: string) {
  mkdirSync(path.dirname(path.join(machine, name)), { recursive: true });
  writeFileSync(path.join(machine, name), '');
}

const script = path.resolve('scripts/build-tools.mjs');

/** Runs a line of a program on a machine that has only what was put there. */
function run(line: string, env: NodeJS.ProcessEnv = {}) {
  const text = `import(${JSON.stringify(script)}).then((tools) => { ${line} }).catch((e) => console.log(e.message));`;
  const only = { PATH: path.join(machine, 'bin'), CUDA_PATH: machine, VULKAN_SDK: machine };
  return spawnSync(process.execPath, ['-e', text], { env: { ...only, ...env }, encoding: 'utf8' }).stdout.trim();
}

const check = (gpus: string[], defines: string[] = [], env: NodeJS.ProcessEnv = {}) =>
  run(`tools.checkTools(${JSON.stringify({ gpus, arch: process.arch, defines })})`, env);

function cudaToolkit() {
  program('nvcc');
  file('targets/x86_64-linux/include/cublas_v2.h');
  file('lib64/stubs/libcuda.so');
}

describe('a build for CUDA', () => {
  test('names the missing compiler in English and Korean, and how to get it', () => {
    const message = check(['cuda']);
    expect(message).toContain('nvcc, the compiler of the CUDA toolkit (https://developer.nvidia.com/cuda-downloads)');
    expect(message).toContain('CUDA 툴킷의 컴파일러 nvcc');
    expect(message).not.toContain('cuBLAS');
  });

  test('names everything at once that a bare toolkit lacks', () => {
    program('nvcc');
    const message = check(['cuda']);
    expect(message.match(/^ {4}- /gm)).toHaveLength(6);
    for (const name of ['cublas_v2.h', 'lib/stubs/libcuda.so', '-DCMAKE_CUDA_ARCHITECTURES=86']) {
      expect(message.split(name)).toHaveLength(3);
    }
  });

  test('needs no architecture where nvidia-smi sees a GPU', () => {
    cudaToolkit();
    program('nvidia-smi', '8.9');
    expect(check(['cuda'])).toBe('');
  });

  test('takes an nvidia-smi that finds no driver for none', () => {
    cudaToolkit();
    program('nvidia-smi', 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.');
    expect(check(['cuda'])).toContain('the architecture of the GPU');
  });

  test('believes what the caller says of architecture and driver', () => {
    program('nvcc');
    file('include/cublas_v2.h');
    expect(check(['cuda'], ['CMAKE_CUDA_ARCHITECTURES=90', 'CUDA_cuda_driver_LIBRARY=/somewhere/libcuda.so'])).toBe('');
    expect(check(['cuda'], ['CMAKE_CUDA_ARCHITECTURES=90', 'GGML_CUDA_NO_VMM=ON'])).toBe('');
  });

  test('asks the compiler for what is in no folder of the toolkit', () => {
    program('nvcc');
    program('c++', '/usr/lib/libcuda.so');
    expect(check(['cuda'], ['CMAKE_CUDA_ARCHITECTURES=90'])).toBe('');
    program('c++', 'libcuda.so'); // what it prints of a library that it does not find
    expect(check(['cuda'], ['CMAKE_CUDA_ARCHITECTURES=90'])).toContain('lib/stubs/libcuda.so');
  });

  test('finds a compiler that is not on the PATH: CUDACXX, or the toolkit of CUDA_PATH', () => {
    cudaToolkit();
    const nvcc = path.join(machine, 'bin', 'nvcc');
    const find = 'console.log(tools.findNvcc())';
    expect(run(find, { PATH: '' })).toBe(nvcc);
    expect(run(find, { PATH: '', CUDA_PATH: '/nonexistent', CUDACXX: nvcc })).toBe(nvcc);
    expect(run(find, { PATH: '', CUDA_PATH: '/nonexistent' })).toBe('undefined');
  });

  test('is for all GPUs of the machine, each architecture once', () => {
    program('nvidia-smi', '9.0\n8.6\n9.0');
    expect(run('console.log(tools.cudaArchitectures())')).toBe('86;90');
  });
});

describe('a build for Vulkan', () => {
  test('names compiler and headers that are missing', () => {
    const message = check(['vulkan']);
    for (const name of ['apt-get install glslc', 'apt-get install libvulkan-dev', 'apt-get install spirv-headers']) {
      expect(message.split(name)).toHaveLength(3);
    }
  });

  test('finds all of it in the SDK', () => {
    program('glslc');
    file('include/vulkan/vulkan.h');
    file('include/spirv/unified1/spirv.hpp');
    expect(check(['vulkan'])).toBe('');
  });
});

test('a build for Metal is refused elsewhere than on macOS, and needs the developer tools there', () => {
  const on = (platform: string) =>
    run(`Object.defineProperty(process, 'platform', { value: '${platform}' });
         tools.checkTools({ gpus: ['metal'], arch: process.arch, defines: [] })`);
  expect(on('linux')).toContain('Metal exists nowhere else');
  expect(on('darwin')).toContain('xcode-select --install');
  program('xcode-select');
  expect(on('darwin')).toBe('');
});

test('a build for another architecture names its compiler', () => {
  const other = process.arch === 'arm64' ? 'x64' : 'arm64';
  const line = `tools.checkTools({ gpus: [], arch: ${JSON.stringify(other)}, defines: [] })`;
  expect(run(line)).toContain('apt-get install g++-aarch64-linux-gnu');
});

test('a build for this machine alone needs nothing more', () => {
  expect(check([])).toBe('');
});

describe('the build script', () => {
  const build = (...args: string[]) =>
    spawnSync(process.execPath, ['scripts/build-native.mjs', ...args], {
      env: { PATH: path.join(machine, 'bin'), CUDA_PATH: '/nonexistent' },
      encoding: 'utf8',
    });

  test('names its options when it is given another', () => {
    for (const wrong of [['--gpu'], ['--arch', 'mips'], ['--arch'], ['-Dx'], ['cuda']]) {
      const { status, stderr } = build(...wrong);
      expect(status).toBe(1);
      expect(stderr).toContain(`unknown option ${wrong[0]}; known: --debug`);
    }
  });

  test('builds for another machine only what is published', () => {
    const { status, stderr } = build('--arch', process.arch === 'arm64' ? 'x64' : 'arm64');
    expect(status).toBe(1);
    expect(stderr).toContain('goes with --portable only');
  });
});
