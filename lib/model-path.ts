/** Which files a configuration means. */

import { lstat, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { show } from './check.js';
import type { Config } from './config.js';
import { InvalidArgumentError, ModelNotFoundError } from './errors.js';
import { cacheFile, fileInCache, fileName } from './models/cache.js';
import { canonicalName } from './models/installed.js';
import { findOllamaModel, OLLAMA_PREFIX } from './models/ollama.js';

/** A GGUF file, and the projector of a model in two files. */
export interface ModelFiles {
  path: string;
  projector: string | null;
}

/** Files of the cache folder that may hold a model of the hub, the best first. */
export function cacheFiles(cacheDir: string, name: string, type: string): string[] {
  const base = fileName(name);
  return [cacheFile(cacheDir, name, type), join(cacheDir, `${base}-${type}.gguf`), join(cacheDir, `${base}.gguf`)];
}

/** @throws ModelNotFoundError with the places that were looked at and what to do; what `findModel` throws */
export async function locateModel(config: Config): Promise<ModelFiles> {
  return (await findModel(config)) ?? notInCache(config);
}

/**
 * The files of `model.path`, or of `model.name` in the cache; undefined when the cache does not have it.
 *
 * @throws ModelNotFoundError when there is no file at `model.path`, or a link in the way, and what `findOllamaModel` throws
 * @throws InvalidArgumentError for a projector beside a model of Ollama
 */
export async function findModel({ model, quantization, paths }: Config): Promise<ModelFiles | undefined> {
  if (model.path !== null) return locateFiles(model.path, model.projector);
  for (const candidate of cacheFiles(paths.cacheDir, canonicalName(model.name), quantization.type)) {
    const found = await fileInCache(paths.cacheDir, basename(candidate));
    if (found !== undefined) return { path: found, projector: null };
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

/** The files of a path as people give it: "ollama:<name>", or a file. @throws as `locateModel` */
export async function locateFiles(path: string, projector: string | null = null): Promise<ModelFiles> {
  if (path.startsWith(OLLAMA_PREFIX)) {
    if (projector === null) return findOllamaModel(path.slice(OLLAMA_PREFIX.length));
    throw new InvalidArgumentError(
      `model.projector is ${show(projector)}, but ${show(path)} names its projector itself: leave it out`,
    );
  }
  if (!(await isFile(path))) {
    throw new ModelNotFoundError(`No model file at ${show(path)}: give the path of a GGUF file`);
  }
  if (projector !== null && !(await isFile(projector))) {
    throw new ModelNotFoundError(`No projector file at ${show(projector)}: give the path of a GGUF file`);
  }
  return { path, projector };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
