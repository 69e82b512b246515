import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { NativeMissingError } from '../errors.js';
import type { NativeBinding } from './binding.js';

const require = createRequire(import.meta.url);
let binding: NativeBinding | undefined;

/** The addon, loaded once. Throws NativeMissingError. */
export function loadNative(): NativeBinding {
  if (binding === undefined) {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    try {
      const load = require('node-gyp-build') as (directory: string) => NativeBinding;
      binding = load(root);
    } catch (cause) {
      throw new NativeMissingError(`The native addon could not be loaded from ${root}; build it first`, { cause });
    }
  }
  return binding;
}
