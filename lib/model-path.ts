/** Which file a configuration means. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { show } from './check.js';
import type { Config } from './config.js';
import { ModelNotFoundError } from './errors.js';

/** Names under which a model of the hub may lie in the cache, the best first. */
export function cacheFileNames(name: string, type: string): string[] {
  const base = name.replaceAll(/[\\/]/g, '--');
  return [`${base}.${type}.gguf`, `${base}-${type}.gguf`, `${base}.gguf`];
}

/** @throws ModelNotFoundError with the places that were looked at and what to do */
export async function locateModel({ model, quantization, paths }: Config): Promise<string> {
  if (model.path !== null) {
    if (await isFile(model.path)) return model.path;
    throw new ModelNotFoundError(`No model file at ${show(model.path)}: give the path of a GGUF file`);
  }
  const candidates = cacheFileNames(model.name, quantization.type).map((name) => join(paths.cacheDir, name));
  for (const candidate of candidates) if (await isFile(candidate)) return candidate;
  throw new ModelNotFoundError(
    `The model ${show(model.name)} is not in the cache (looked for ${candidates.join(', ')}): make it with ` +
      `"bllossom convert <checkpoint folder> ${candidates[0]} --type ${quantization.type}", or set model.path to a GGUF file`,
  );
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
