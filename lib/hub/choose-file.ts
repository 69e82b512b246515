/** What of a repository becomes the model file. */

import { show } from '../check.js';
import type { ConversionType } from '../convert/types.js';
import { ModelNotFoundError, ModelUnsupportedError } from '../errors.js';
import type { HubFile, Repository } from './repository.js';

/**
 * A GGUF file that is asked for by its name; else the checkpoint, to be converted; else the GGUF file with the type in its
 * name.
 *
 * @returns the GGUF file; undefined for the checkpoint
 * @throws ModelNotFoundError, ModelUnsupportedError
 */
export function chooseFile(
  repository: Repository,
  type: ConversionType,
  name: string | undefined,
): HubFile | undefined {
  const { id, files } = repository;
  const models = [...files.values()].filter(({ path }) => /\.gguf$/i.test(path));
  if (name !== undefined) return whole(models.find(({ path }) => path === name) ?? notFound(id, show(name), models));
  const isCheckpoint = files.has('config.json') && [...files.keys()].some((path) => /^[^/]+\.safetensors$/.test(path));
  if (isCheckpoint || models.length === 0) return undefined; // without either, the converter says what is missing
  const [found, ...others] = models.filter(({ path }) => typeIn(path, type));
  if (found === undefined) return notFound(id, `of the type ${type}`, models);
  if (others.length === 0 || isSplit(found)) return whole(found);
  throw new ModelNotFoundError(
    `${id} has several GGUF files of the type ${type}: ${listed([found, ...others])}; name one with --file, the option file`,
  );
}

/** "….Q4_K_M.gguf", "…-q4_k_m-00001-of-00002.gguf" */
function typeIn(path: string, type: ConversionType): boolean {
  return new RegExp(`(^|[^a-z0-9])${type}([^a-z0-9_]|$)`, 'i').test(path.replace(/\.gguf$/i, ''));
}

const isSplit = ({ path }: HubFile): boolean => /-\d{5}-of-\d{5}\.gguf$/i.test(path);

function whole(file: HubFile): HubFile {
  if (!isSplit(file)) return file;
  throw new ModelUnsupportedError(`${show(file.path)} is a part of a split model; only whole GGUF files can be run`);
}

function notFound(id: string, what: string, models: readonly HubFile[]): never {
  const has = models.length === 0 ? 'it has none' : `it has ${listed(models)}`;
  throw new ModelNotFoundError(`${id} has no GGUF file ${what}: ${has}`);
}

const MOST_LISTED = 12;

function listed(models: readonly HubFile[]): string {
  const names = models.slice(0, MOST_LISTED).map(({ path }) => show(path));
  return [...names, ...(models.length > MOST_LISTED ? ['…'] : [])].join(', ');
}
