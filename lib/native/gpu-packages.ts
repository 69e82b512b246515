/**
 * GPU backends that are packages of their own, `@node-bllossom/<platform>-<arch>-<backend>`: found beside this package,
 * compared with its version, loaded. One that cannot be used leaves everything else as it is, and says why.
 */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { toBllossomError } from '../errors.js';
import type { NativeBinding, NativeSystemInfo } from './binding.js';

/** The better first: where it serves the GPUs, another one would show them a second time. */
const BACKENDS = ['cuda', 'vulkan'] as const;

export interface GpuPackage {
  name: string;
  version: string;
  /** Names of the backends that it brought, such as "CUDA". */
  backends: string[];
  /** Why it is not used; null when it is. */
  problem: string | null;
}

/** What the messages of the system's loader mean for whoever reads them. */
const REMEDIES: [RegExp, string][] = [
  [/libcuda\.so|nvcuda\.dll/, 'the driver of NVIDIA is missing; install it'],
  [/cublas/, 'cuBLAS is missing; install the CUDA toolkit, or its run-time libraries, of the version that is named'],
  [/libvulkan|vulkan-1\.dll/, 'the Vulkan loader is missing; install it with the driver of the GPU'],
];

/** A package that is there. */
interface Found {
  name: string;
  /** "" where its package.json says none, or cannot be read. */
  version: string;
  /** Its folder of libraries. */
  libraries: string;
}

/**
 * Only what is installed with this package counts: a folder that a program happens to be started in must not bring
 * native code.
 *
 * @param root folder of this package
 */
export function loadGpuPackages(binding: Pick<NativeBinding, 'loadBackends'>, root: string): GpuPackage[] {
  const require = createRequire(join(root, 'package.json'));
  const packages: GpuPackage[] = [];
  for (const backend of BACKENDS) {
    const found = find(gpuPackageName(backend), require);
    if (found === undefined) continue;
    const misfit = findMisfit(found, versionOf(join(root, 'package.json')), packages);
    packages.push(misfit === null ? load(found, binding) : unused(found, misfit));
  }
  return packages;
}

export function gpuPackageName(backend: (typeof BACKENDS)[number]): string {
  return `@node-bllossom/${process.platform}-${process.arch}-${backend}`;
}

/** What the driver of NVIDIA leaves where it is installed. */
const NVIDIA_DRIVER: Partial<Record<NodeJS.Platform, string>> = {
  linux: '/proc/driver/nvidia/version',
  win32: 'C:\\Windows\\System32\\nvcuda.dll',
};

/** The package that this machine would profit from: it has an NVIDIA GPU, and nothing here computes on it. */
export function suggestGpuPackage(
  { devices }: Pick<NativeSystemInfo, 'devices'>,
  installed: readonly GpuPackage[],
  driver: string | undefined = NVIDIA_DRIVER[process.platform],
): string | null {
  const isServed = installed.length > 0 || devices.some(({ type }) => type === 'gpu');
  return !isServed && driver !== undefined && existsSync(driver) ? gpuPackageName('cuda') : null;
}

function find(name: string, require: NodeJS.Require): Found | undefined {
  try {
    const manifest = require.resolve(`${name}/package.json`);
    return { name, version: versionOf(manifest), libraries: join(dirname(manifest), 'lib') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    return { name, version: '', libraries: '' }; // Node refuses a package.json that is no JSON object
  }
}

/** Why it is not tried. */
function findMisfit({ name, version }: Found, own: string, before: readonly GpuPackage[]): string | null {
  if (version !== own) {
    const told = version || 'unknown';
    return `version ${told} does not go with node-bllossom ${own}; run "npm install ${name}@${own}"`;
  }
  const serving = before.find(({ problem }) => problem === null);
  return serving ? `${serving.name} serves the GPUs already` : null;
}

function load(found: Found, binding: Pick<NativeBinding, 'loadBackends'>): GpuPackage {
  const { name, version, libraries } = found;
  try {
    return { name, version, backends: binding.loadBackends(libraries), problem: null };
  } catch (error) {
    const { message } = toBllossomError(error);
    const remedy = REMEDIES.find(([pattern]) => pattern.test(message))?.[1];
    return unused(found, remedy === undefined ? message : `${message}: ${remedy}`);
  }
}

function unused({ name, version }: Found, problem: string): GpuPackage {
  return { name, version, backends: [], problem };
}

function versionOf(manifest: string): string {
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version?: unknown };
  return typeof version === 'string' ? version : '';
}
