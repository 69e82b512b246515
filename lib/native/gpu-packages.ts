/**
 * GPU backends that are packages of their own, `@node-bllossom/<platform>-<arch>-<backend>`: found beside this package,
 * compared with its version, loaded. One that cannot be used leaves everything else as it is, and says why.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { BackendError, toBllossomError } from '../errors.js';
import type { NativeBinding } from './binding.js';

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

/**
 * Only what is installed with this package counts: a folder that a program happens to be started in must not bring
 * native code.
 *
 * @param root folder of this package
 */
export function loadGpuPackages(binding: Pick<NativeBinding, 'loadBackends'>, root: string): GpuPackage[] {
  const packages: GpuPackage[] = [];
  for (const backend of BACKENDS) {
    const name = gpuPackageName(backend);
    const manifest = findManifest(name, root);
    if (manifest === undefined) continue;
    const version = versionOf(manifest);
    try {
      packages.push({ name, version, backends: load(name, manifest, binding, root, packages), problem: null });
    } catch (error) {
      packages.push({ name, version, backends: [], problem: explain(toBllossomError(error).message) });
    }
  }
  return packages;
}

export function gpuPackageName(backend: (typeof BACKENDS)[number]): string {
  return `@node-bllossom/${process.platform}-${process.arch}-${backend}`;
}

/** Its package.json; undefined where it is not installed, null where Node cannot make sense of the file. */
function findManifest(name: string, root: string): string | null | undefined {
  try {
    return createRequire(join(root, 'package.json')).resolve(`${name}/package.json`);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' ? undefined : null;
  }
}

/** @throws BackendError with the reason why it is not used */
function load(
  name: string,
  manifest: string | null,
  binding: Pick<NativeBinding, 'loadBackends'>,
  root: string,
  before: readonly GpuPackage[],
): string[] {
  const [version, own] = [versionOf(manifest), versionOf(join(root, 'package.json'))];
  if (manifest === null || version !== own) {
    throw new BackendError(
      `version ${version || 'unknown'} does not go with node-bllossom ${own}; run "npm install ${name}@${own}"`,
    );
  }
  const serving = before.find(({ problem }) => problem === null);
  if (serving) throw new BackendError(`${serving.name} serves the GPUs already`);
  return binding.loadBackends(join(dirname(manifest), 'lib'));
}

/** "" where the file says none. */
function versionOf(manifest: string | null): string {
  if (manifest === null) return '';
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version?: unknown };
  return typeof version === 'string' ? version : '';
}

function explain(message: string): string {
  const remedy = REMEDIES.find(([pattern]) => pattern.test(message))?.[1];
  return remedy === undefined ? message : `${message}: ${remedy}`;
}
