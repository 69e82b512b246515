// What a build needs of the machine, looked for before anything is compiled: a missing tool is named in a sentence that
// says how to get it, instead of somewhere in the output of CMake.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';

const env = (name) => (process.env[name] ?? '').split(path.delimiter).filter(Boolean);

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Path of a program in the folders of PATH and in `also`; undefined when there is none. */
function findProgram(name, also = []) {
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  return [...env('PATH'), ...also].map((folder) => path.join(folder, file)).find(isProgram);
}

const firstExisting = (folders, name) =>
  folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));

const compiler = process.env.CXX || 'c++';

/** Whether the compiler finds a header by itself, in the folders of the system and of CPATH. */
function compilerFinds(header) {
  const input = `#if !__has_include(<${header}>)\n#error not there\n#endif\n`;
  return spawnSync(compiler, ['-x', 'c++', '-std=c++17', '-E', '-'], { input }).status === 0;
}

/** The same for a library. */
function linkerFinds(library) {
  const { status, stdout } = spawnSync(compiler, [`-print-file-name=${library}`], { encoding: 'utf8' });
  return status === 0 && path.isAbsolute(stdout.trim());
}

/** The value of -D<name>=<value>. */
const defined = (defines, name) => defines.find((define) => define.startsWith(`${name}=`))?.slice(name.length + 1);

/** Path of the CUDA compiler, in every place where a toolkit is put. */
export function findNvcc() {
  const named = [...env('CUDA_PATH'), ...env('CUDA_HOME')];
  const roots = named.length > 0 ? named : ['/usr/local/cuda'];
  return (
    env('CUDACXX').find(isProgram) ??
    findProgram(
      'nvcc',
      roots.map((root) => path.join(root, 'bin')),
    )
  );
}

/** Where the toolkit that nvcc belongs to has its headers and libraries; some have a folder for each target machine. */
function cudaFolders(nvcc, defines) {
  const root = defined(defines, 'CUDAToolkit_ROOT') ?? path.dirname(path.dirname(realpathSync(nvcc)));
  const targets = path.join(root, 'targets');
  const perTarget = existsSync(targets) ? readdirSync(targets).map((name) => path.join(targets, name)) : [];
  return [root, ...perTarget];
}

const hasCublas = (folders) =>
  firstExisting(
    folders.map((folder) => path.join(folder, 'include')),
    'cublas_v2.h',
  ) !== undefined || compilerFinds('cublas_v2.h');

/** The driver itself, or the stub of it that a toolkit has for linking on machines without a GPU. */
function hasDriver(folders, defines) {
  if (defined(defines, 'CUDA_cuda_driver_LIBRARY') || defined(defines, 'GGML_CUDA_NO_VMM') === 'ON') return true;
  const names =
    process.platform === 'win32' ? ['lib/x64/cuda.lib'] : ['lib64/stubs/libcuda.so', 'lib/stubs/libcuda.so'];
  return names.some((name) => firstExisting(folders, name)) || linkerFinds('libcuda.so');
}

/** Architectures of this machine's NVIDIA GPUs, as CMake writes them: "86;90"; "" where none is seen. */
export function cudaArchitectures() {
  const query = ['--query-gpu=compute_cap', '--format=csv,noheader'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  const capabilities = status === 0 ? (stdout.match(/^\d+\.\d+$/gm) ?? []) : [];
  return [...new Set(capabilities.map((capability) => capability.replace('.', '')))].sort().join(';');
}

const needs = {
  nvcc: {
    en: 'nvcc, the compiler of the CUDA toolkit (https://developer.nvidia.com/cuda-downloads); set CUDACXX where it lies elsewhere',
    ko: 'CUDA 툴킷의 컴파일러 nvcc (https://developer.nvidia.com/cuda-downloads). 다른 위치에 있으면 CUDACXX를 설정하세요',
  },
  cublas: {
    en: 'the headers of cuBLAS (cublas_v2.h): apt-get install libcublas-dev-<CUDA version>, or all of the CUDA toolkit',
    ko: 'cuBLAS 헤더(cublas_v2.h): apt-get install libcublas-dev-<CUDA 버전>, 또는 CUDA 툴킷 전체',
  },
  driver: {
    en: 'the stub of the CUDA driver (lib/stubs/libcuda.so): apt-get install cuda-driver-dev-<CUDA version>, or all of the CUDA toolkit',
    ko: 'CUDA 드라이버 스텁(lib/stubs/libcuda.so): apt-get install cuda-driver-dev-<CUDA 버전>, 또는 CUDA 툴킷 전체',
  },
  architectures: {
    en: 'the architecture of the GPU, since nvidia-smi sees none here: give -DCMAKE_CUDA_ARCHITECTURES=86 (RTX 30), 89 (RTX 40), 90 (H100), 120 (RTX 50)',
    ko: 'GPU 아키텍처: 여기서는 nvidia-smi가 GPU를 찾지 못합니다. -DCMAKE_CUDA_ARCHITECTURES=86 (RTX 30), 89 (RTX 40), 90 (H100), 120 (RTX 50) 중에서 지정하세요',
  },
  glslc: {
    en: 'glslc, the shader compiler: apt-get install glslc, or the Vulkan SDK (https://vulkan.lunarg.com)',
    ko: '셰이더 컴파일러 glslc: apt-get install glslc, 또는 Vulkan SDK (https://vulkan.lunarg.com)',
  },
  vulkan: {
    en: 'the headers of Vulkan (vulkan/vulkan.h): apt-get install libvulkan-dev, or the Vulkan SDK',
    ko: 'Vulkan 헤더(vulkan/vulkan.h): apt-get install libvulkan-dev, 또는 Vulkan SDK',
  },
  spirv: {
    en: 'the headers of SPIR-V (spirv/unified1/spirv.hpp): apt-get install spirv-headers, or the Vulkan SDK',
    ko: 'SPIR-V 헤더(spirv/unified1/spirv.hpp): apt-get install spirv-headers, 또는 Vulkan SDK',
  },
  macos: {
    en: 'macOS: Metal exists nowhere else',
    ko: 'macOS: Metal은 다른 운영체제에 없습니다',
  },
  xcode: {
    en: "Apple's developer tools: xcode-select --install",
    ko: 'Apple 개발자 도구: xcode-select --install',
  },
  cross: {
    en: 'a compiler for the other architecture: apt-get install g++-aarch64-linux-gnu',
    ko: '다른 아키텍처용 컴파일러: apt-get install g++-aarch64-linux-gnu',
  },
};

/** For each kind of build: names, in `needs`, of what is missing here. */
const missing = {
  cuda({ defines }) {
    const nvcc = findNvcc();
    if (!nvcc) return ['nvcc'];
    const names = [];
    const folders = cudaFolders(nvcc, defines);
    if (!hasCublas(folders)) names.push('cublas');
    if (!hasDriver(folders, defines)) names.push('driver');
    if (!defined(defines, 'CMAKE_CUDA_ARCHITECTURES') && cudaArchitectures() === '') names.push('architectures');
    return names;
  },
  vulkan({ defines }) {
    const roots = [...env('VULKAN_SDK'), ...(defined(defines, 'CMAKE_PREFIX_PATH') ?? '').split(';').filter(Boolean)];
    const inRoots = (...names) => roots.flatMap((root) => names.map((name) => path.join(root, name)));
    const has = (header) => firstExisting(inRoots('include', 'Include'), header) || compilerFinds(header);
    return [
      ...(findProgram('glslc', inRoots('bin', 'Bin')) ? [] : ['glslc']),
      ...(has('vulkan/vulkan.h') ? [] : ['vulkan']),
      ...(has('spirv/unified1/spirv.hpp') ? [] : ['spirv']),
    ];
  },
  metal() {
    if (process.platform !== 'darwin') return ['macos'];
    return spawnSync('xcode-select', ['-p'], { stdio: 'ignore' }).status === 0 ? [] : ['xcode'];
  },
  cross: () => (findProgram('aarch64-linux-gnu-g++') ? [] : ['cross']),
};

/** @throws Error that names everything that is missing, in English and Korean */
export function checkTools({ gpus, arch, defines }) {
  const builds = arch === process.arch ? gpus : [...gpus, 'cross'];
  const names = builds.flatMap((build) => missing[build]({ defines }));
  if (names.length === 0) return;
  const list = (language) => names.map((name) => `    - ${needs[name][language]}`);
  throw new Error(
    [
      'nothing was compiled, for this build also needs:',
      ...list('en'),
      '  빌드에 다음이 더 필요하여 컴파일하지 않았습니다:',
      ...list('ko'),
    ].join('\n'),
  );
}
