/**
 * Models that Ollama has downloaded, found where it keeps them. A manifest comes from a registry, and so from a stranger:
 * nothing that it says leads out of the folder of the blobs.
 */

import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { show } from '../check.js';
import { isObject, type JsonObject, parseObject } from '../convert/json.js';
import { InvalidArgumentError, IoError, ModelFormatError, ModelNotFoundError } from '../errors.js';

/** What stands before the name of a model of Ollama. */
export const OLLAMA_PREFIX = 'ollama:';

const MODEL_LAYER = 'application/vnd.ollama.image.model';
const PROJECTOR_LAYER = 'application/vnd.ollama.image.projector';

const MAX_MANIFEST_BYTES = 1024 * 1024;
const MAX_LAYERS = 1000;

/**
 * The files of a model of Ollama. The name is "[host/][namespace/]model[:tag]", as Ollama itself takes it: the host is
 * registry.ollama.ai, the namespace "library" and the tag "latest" where they are left out.
 *
 * Looks in `OLLAMA_MODELS`; where that is not set in the folders of the user and of the system service.
 *
 * @throws InvalidArgumentError for what is no name
 * @throws ModelNotFoundError when there is no such model, or one of its files is missing
 * @throws ModelFormatError when its manifest is damaged, or a file has another size than it says
 * @throws IoError when the manifest cannot be read
 */
export async function findOllamaModel(name: string): Promise<{ path: string; projector: string | null }> {
  const place = parseName(name);
  const roots = modelFolders();
  for (const root of roots) {
    const manifest = join(root, 'manifests', ...place);
    const info = await stat(manifest).catch(() => undefined);
    if (info?.isFile()) return filesOf(root, manifest, info.size);
  }
  const looked = roots.map((root) => join(root, 'manifests', ...place)).join(', ');
  throw new ModelNotFoundError(
    `Ollama has no model ${show(name)} (looked for ${looked}): "ollama list" shows what there is; set OLLAMA_MODELS ` +
      'where its models lie in another folder',
  );
}

/** host, namespace, model and tag: the path of a manifest */
function parseName(name: string): [string, string, string, string] {
  const match = /^(?:(?:([^/]+)\/)?([^/]+)\/)?([^/:]+)(?::([^/:]+))?$/.exec(name);
  const [, host = 'registry.ollama.ai', namespace = 'library', model = '', tag = 'latest'] = match ?? [];
  const parts = [namespace, model, tag];
  if (!/^\w[\w.-]{0,79}(:\d{1,5})?$/.test(host) || !parts.every((part) => /^\w[\w.-]{0,79}$/.test(part))) {
    throw new InvalidArgumentError(
      `Expected [host/][namespace/]model[:tag] after "${OLLAMA_PREFIX}" but received ${show(name)}`,
    );
  }
  return [host, namespace, model, tag];
}

function modelFolders(): string[] {
  const { OLLAMA_MODELS } = process.env;
  if (OLLAMA_MODELS) return [OLLAMA_MODELS];
  return [join(homedir(), '.ollama', 'models'), '/usr/share/ollama/.ollama/models'];
}

async function filesOf(root: string, manifest: string, bytes: number) {
  const layers = await readLayers(manifest, bytes);
  const [model, projector] = [MODEL_LAYER, PROJECTOR_LAYER].map((type) => layerOf(layers, type, manifest));
  if (model === undefined) throw new ModelFormatError(`${manifest} names no model: pull it again with Ollama`);
  return {
    path: await blobOf(root, model, manifest),
    projector: projector === undefined ? null : await blobOf(root, projector, manifest),
  };
}

async function readLayers(manifest: string, bytes: number): Promise<unknown[]> {
  if (bytes > MAX_MANIFEST_BYTES) {
    throw new ModelFormatError(`${manifest} has ${bytes} bytes, the limit of a manifest is ${MAX_MANIFEST_BYTES}`);
  }
  const text = await readFile(manifest, 'utf8').catch((cause: Error) => {
    throw new IoError(`${manifest} cannot be read: ${cause.message}`, { cause });
  });
  const { layers } = parseObject(text, manifest);
  if (!Array.isArray(layers) || layers.length > MAX_LAYERS) {
    throw new ModelFormatError(`${manifest}: layers must be an array of at most ${MAX_LAYERS} layers`);
  }
  return layers;
}

function layerOf(layers: unknown[], mediaType: string, manifest: string): JsonObject | undefined {
  const found = layers.filter(isObject).filter((layer) => layer.mediaType === mediaType);
  if (found.length > 1) {
    throw new ModelFormatError(`${manifest} has ${found.length} layers of type ${mediaType}; one can be run`);
  }
  return found[0];
}

/** The checked path of a layer's file. */
async function blobOf(root: string, { digest, size }: JsonObject, manifest: string): Promise<string> {
  const [, sum] = typeof digest === 'string' ? (/^sha256:([0-9a-f]{64})$/.exec(digest) ?? []) : [];
  if (sum === undefined) {
    throw new ModelFormatError(`${manifest}: the digest ${show(digest)} is not "sha256:" and 64 hexadecimal digits`);
  }
  const path = join(root, 'blobs', `sha256-${sum}`);
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) {
    throw new ModelNotFoundError(`${path}, which ${manifest} names, is missing: pull the model again with Ollama`);
  }
  if (info.size !== size) {
    throw new ModelFormatError(
      `${path} has ${info.size} bytes, but ${manifest} says ${show(size)}: pull the model again with Ollama`,
    );
  }
  return path;
}
