/** Which files a configuration means. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { show } from './check.js';
import type { Config } from './config.js';
import { InvalidArgumentError, ModelNotFoundError } from './errors.js';
import { findOllamaModel, OLLAMA_PREFIX } from './models/ollama.js';

/** A GGUF file, and the projector of a model in two files. */
export interface ModelFiles {
  path: string;
  projector: string | null;
}

/** Names under which a model of the hub may lie in the cache, the best first. */
export function cacheFileNames(name: string, type: string): string[] {
  const base = name.replaceAll(/[\\/]/g, '--');
  return [`${base}.${type}.gguf`, `${base}-${type}.gguf`, `${base}.gguf`];
}

/**
 * @throws ModelNotFoundError with the places that were looked at and what to do, and what `findOllamaModel` throws
 * @throws InvalidArgumentError for a projector beside a model of Ollama
 */
export async function locateModel({ model, quantization, paths }: Config): Promise<ModelFiles> {
  if (model.path !== null) return locateFiles(model.path, model.projector);
  const candidates = cacheFileNames(model.name, quantization.type).map((name) => join(paths.cacheDir, name));
  for (const candidate of candidates) if (await isFile(candidate)) return { path: candidate, projector: null };
  throw new ModelNotFoundError(
    `The model ${show(model.name)} is not in the cache (looked for ${candidates.join(', ')}): make it with ` +
      `"bllossom convert <checkpoint folder> ${candidates[0]} --type ${quantization.type}", or set model.path to a GGUF file`,
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
