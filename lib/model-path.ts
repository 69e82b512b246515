/** Which file a configuration means. */

import { lstat, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { show } from './check.js';
import type { Config } from './config.js';
import { ModelNotFoundError } from './errors.js';
import { cacheFile, fileInCache, fileName } from './models/cache.js';
import { canonicalName } from './models/installed.js';

/** Files of the cache folder that may hold a model of the hub, the best first. */
export function cacheFiles(cacheDir: string, name: string, type: string): string[] {
  const base = fileName(name);
  return [cacheFile(cacheDir, name, type), join(cacheDir, `${base}-${type}.gguf`), join(cacheDir, `${base}.gguf`)];
}

/** @throws ModelNotFoundError with the places that were looked at and what to do */
export async function locateModel(config: Config): Promise<string> {
  return (await findModel(config)) ?? notInCache(config);
}

/**
 * The file of `model.path`, or of `model.name` in the cache; undefined when the cache does not have it.
 *
 * @throws ModelNotFoundError when there is no file at `model.path`, or a link in the way
 */
export async function findModel({ model, quantization, paths }: Config): Promise<string | undefined> {
  if (model.path !== null) {
    if ((await stat(model.path).catch(() => undefined))?.isFile()) return model.path;
    throw new ModelNotFoundError(`No model file at ${show(model.path)}: give the path of a GGUF file`);
  }
  for (const candidate of cacheFiles(paths.cacheDir, canonicalName(model.name), quantization.type)) {
    const found = await fileInCache(paths.cacheDir, basename(candidate));
    if (found !== undefined) return found;
    await refuseLink(candidate);
  }
  return undefined;
}

/** @param why nothing is downloaded */
export function notInCache({ model, quantization: { type }, paths }: Config, why = ''): never {
  const candidates = cacheFiles(paths.cacheDir, canonicalName(model.name), type);
  throw new ModelNotFoundError(
    `The model ${show(model.name)} is not in the cache (looked for ${candidates.join(', ')})${why}: get it with ` +
      `"bllossom pull ${model.name} --type ${type}", make it with "bllossom convert <checkpoint folder> ` +
      `${candidates[0]} --type ${type}", or set model.path to a GGUF file`,
  );
}

/** A link that leads out of the cache folder is not followed; whoever made it should know why. */
async function refuseLink(path: string): Promise<void> {
  if (!(await lstat(path).catch(() => undefined))?.isSymbolicLink()) return;
  throw new ModelNotFoundError(
    `${path} is a link that leads to no file in its folder: set model.path to the file itself`,
  );
}
