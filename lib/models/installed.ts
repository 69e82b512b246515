/** The models that lie in the cache folder. */

import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { checkOptions, checkPath, checkText, fail, reading } from '../check.js';
import { type BllossomError, IoError, ModelFormatError, toBllossomError } from '../errors.js';
import { fileInCache, fileName, forgetRecord, readRecord } from './cache.js';
import type { ModelRecord } from './record.js';
import { resolveModel } from './registry.js';

export interface InstalledModel {
  /** Absolute path. */
  readonly file: string;
  /** Id on the hub as the file's name tells it. */
  readonly name: string;
  /** Quantization type; undefined when the file's name does not tell. */
  readonly type: string | undefined;
  readonly bytes: number;
  /** Where it came from; undefined for a file that was put there by hand, and for one that lost its record. */
  readonly record: ModelRecord | undefined;
  /** What is wrong without reading the file: a damaged record, or one of a file of another size. */
  readonly fault: BllossomError | undefined;
}

/** Which models are meant. */
export interface ModelFilter {
  /** Alias or id on the hub; undefined: all. */
  name?: string | undefined;
  type?: string | undefined;
}

/**
 * The GGUF files of the cache folder itself, by name. What is still being written is not among them, nor what links lead
 * to outside of the folder.
 *
 * @throws InvalidArgumentError; IoError when there is such a folder but it cannot be read
 */
export async function listModels(cacheDir: string, filter: ModelFilter = {}): Promise<InstalledModel[]> {
  const folder = resolve(checkPath('cacheDir', cacheDir));
  const isMeant = matcher(filter);
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw new IoError(`Cannot list ${folder}: ${cause.message}`, { cause });
  });
  const files = names.filter((name) => !name.startsWith('.') && name.endsWith('.gguf')).sort();
  const models = await Promise.all(files.map((name) => describe(folder, name)));
  return models.filter((model) => model !== undefined).filter(isMeant);
}

/** Whether a model has this name, as the name of a file, and this type. */
export function matcher(filter: ModelFilter): (model: Pick<InstalledModel, 'name' | 'type'>) => boolean {
  const { name, type } = checkOptions('filter', filter, ['name', 'type']);
  if (type !== undefined) checkText('filter.type', type);
  const plain = name === undefined ? undefined : fileName(canonicalName(name)).toLowerCase();
  return (model) =>
    (plain === undefined || fileName(model.name).toLowerCase() === plain) &&
    (type === undefined || model.type === type);
}

/** The id that an alias stands for; any other name as it is. */
export function canonicalName(name: string): string {
  try {
    return resolveModel(name).repository;
  } catch {
    return name;
  }
}

async function describe(folder: string, name: string): Promise<InstalledModel | undefined> {
  const file = await fileInCache(folder, name);
  const stats = file === undefined ? undefined : await stat(file).catch(() => undefined);
  if (file === undefined || stats === undefined) return undefined;
  return { file, ...nameAndType(name), bytes: stats.size, ...(await recordOf(file, stats.size)) };
}

async function recordOf(file: string, bytes: number): Promise<Pick<InstalledModel, 'record' | 'fault'>> {
  try {
    const record = await readRecord(file);
    const fault =
      record === undefined || record.bytes === bytes
        ? undefined
        : new ModelFormatError(
            `${file} has ${bytes} bytes; its record says ${record.bytes}: remove it and pull it again`,
          );
    return { record, fault };
  } catch (error) {
    return { record: undefined, fault: toBllossomError(error) };
  }
}

/** How files name the types of llama.cpp, also those that the converter does not make. */
const TYPE = /[.-]((?:I?Q|TQ)\d\w*|BF16|F16|F32)$/;

/** "owner--name.Q4_K_M.gguf", "owner--name-Q4_K_M.gguf" or "name.gguf". */
export function nameAndType(file: string): Pick<InstalledModel, 'name' | 'type'> {
  const base = file.replace(/\.gguf$/, '');
  const type = TYPE.exec(base)?.[1];
  const name = type === undefined ? base : base.slice(0, -type.length - 1);
  const parts = name.split('--');
  return { name: parts.length === 2 ? parts.join('/') : name, type };
}

/**
 * Removes a model and its record from the cache folder. A link is removed, never what it leads to.
 *
 * @throws InvalidArgumentError for a file that is not one of the folder; IoError
 */
export async function removeModel(cacheDir: string, model: InstalledModel): Promise<void> {
  const file = resolve(reading('model cannot be read', () => checkPath('model.file', model?.file)));
  if (dirname(file) !== resolve(checkPath('cacheDir', cacheDir)) || !file.endsWith('.gguf')) {
    fail('model.file', `a GGUF file in ${cacheDir}`, file);
  }
  await forgetRecord(file);
  await rm(file, { force: true }).catch((cause) => {
    throw new IoError(`Cannot remove ${file}: ${(cause as Error).message}`, { cause });
  });
}
