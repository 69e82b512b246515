/** The only file that loads the native binary; a failing load explains itself. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeMissingError } from '../errors.js';
import type { NativeBinding } from './binding.js';

/** The folder with package.json: the same whether this file runs from `lib/native` or from `dist/native`. */
export const PACKAGE_ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

let loaded: NativeBinding | undefined;

function explain(root: string, cause: unknown): NativeMissingError {
  const tried = [join(root, 'build', 'Release'), join(root, 'prebuilds', `${process.platform}-${process.arch}`)];
  const seen = tried.map((path) => `${path} (${existsSync(path) ? 'exists' : 'missing'})`).join(', ');
  const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
  return new NativeMissingError(
    `The native addon could not be loaded on ${process.platform}-${process.arch}, Node ${process.versions.node} ` +
      `(N-API ${process.versions.napi}): ${reason}. Tried ${seen}. ` +
      'Run "npm run build" in the package folder (needs CMake and a C++17 compiler), or reinstall the package',
    { cause },
  );
}

/** Loads the addon once. @throws NativeMissingError with what was tried and what to do */
export function loadNative(root: string = PACKAGE_ROOT): NativeBinding {
  if (loaded && root === PACKAGE_ROOT) return loaded;
  // ggml would otherwise start a debugger in a forked process when it aborts.
  process.env.GGML_NO_BACKTRACE ??= '1';
  try {
    const require = createRequire(import.meta.url);
    const load = require('node-gyp-build') as (folder: string) => NativeBinding;
    const binding = load(root);
    if (root === PACKAGE_ROOT) loaded = binding;
    // `process.exit` and an uncaught error do not unwind this environment: the C library would destroy static objects
    // under a thread that still computes. Both emit `exit` first.
    process.once('exit', () => binding.endEngines());
    return binding;
  } catch (cause) {
    throw explain(root, cause);
  }
}
