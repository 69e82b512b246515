/** The only file that loads the native binary; a failing load explains itself. */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeBinding } from './binding.js';
import { type GpuPackage, loadGpuPackages } from './gpu-packages.js';
import { explainMissing } from './missing.js';

/** The folder with package.json: the same whether this file runs from `lib/native` or from `dist/native`. */
export const PACKAGE_ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface LoadedNative {
  binding: NativeBinding;
  gpuPackages: GpuPackage[];
}

let loaded: LoadedNative | undefined;

/**
 * Loads the addon once, and with it the GPU packages that are installed. What was built here goes before what came
 * prebuilt, as node-gyp-build has it. A GPU package that cannot be used is a warning of the process.
 *
 * @throws NativeMissingError with the reason and what to do
 */
export function loadNativeAndPackages(root: string = PACKAGE_ROOT): LoadedNative {
  if (loaded && root === PACKAGE_ROOT) return loaded;
  const binding = loadAddon(root);
  const gpuPackages = loadGpuPackages(binding, root);
  for (const { name, problem } of gpuPackages) {
    if (problem !== null) process.emitWarning(`${name} is not used: ${problem}`, { code: 'ERR_BACKEND' });
  }
  if (root === PACKAGE_ROOT) loaded = { binding, gpuPackages };
  return { binding, gpuPackages };
}

/** @throws as `loadNativeAndPackages` */
export function loadNative(root: string = PACKAGE_ROOT): NativeBinding {
  return loadNativeAndPackages(root).binding;
}

function loadAddon(root: string): NativeBinding {
  // ggml would otherwise start a debugger in a forked process when it aborts.
  process.env.GGML_NO_BACKTRACE ??= '1';
  try {
    const require = createRequire(import.meta.url);
    const load = require('node-gyp-build') as (folder: string) => NativeBinding;
    const binding = load(root);
    // `process.exit` and an uncaught error do not unwind this environment: the C library would destroy static objects
    // under a thread that still computes. Both emit `exit` first.
    process.once('exit', () => binding.endEngines());
    return binding;
  } catch (cause) {
    throw explainMissing(root, cause);
  }
}
