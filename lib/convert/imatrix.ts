/** Reads importance matrices: what `bllossom imatrix` and llama.cpp's tool of that name write as GGUF. */

import { type FileHandle, open } from 'node:fs/promises';
import { InvalidOptionError, IoError, ModelFormatError, toBllossomError } from '../errors.js';
import type { NativeTensorInfo } from '../native/binding.js';
import { loadNative } from '../native/load.js';
import type { PlannedTensor } from './plan.js';

/** By a tensor's name, the mean square of the input that each of its columns [ne[0]] has met. */
export type Importance = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/**
 * The importance of the planned tensors that the file knows. It may know fewer (of the text part alone, say), but none that
 * the model lacks: another model's layers can have the same names, and their weights would do harm unseen.
 *
 * @throws ModelNotFoundError, ModelFormatError for a file that is no importance matrix or a damaged one,
 * InvalidOptionError for one of another model, IoError
 */
export async function readImportance(path: string, plan: readonly PlannedTensor[]): Promise<Importance> {
  const entries = await readHeader(path);
  checkNames(path, entries, plan);
  const importance = new Map<string, Float32Array<ArrayBuffer>>();
  const file = await open(path, 'r').catch((error: unknown) => unreadable(path, error));
  try {
    for (const { name, ne } of plan) {
      const entry = entries.get(name);
      if (entry !== undefined) importance.set(name, await readEntry({ path, file, name, ...entry }, ne[0] as number));
    }
  } finally {
    await file.close();
  }
  return importance;
}

function checkNames(path: string, entries: ReadonlyMap<string, Entry>, plan: readonly PlannedTensor[]): void {
  const planned = new Set(plan.map(({ name }) => name));
  const foreign = [...entries.keys()].find((name) => !planned.has(name));
  if (foreign !== undefined) {
    throw new InvalidOptionError(
      `${path} has importance weights for ${foreign}, which this model does not have; ` +
        'make the importance matrix with a file that was converted from the same model',
    );
  }
  if (entries.size === 0) throw new ModelFormatError(`${path} holds no importance weights`);
}

interface Entry {
  sums: NativeTensorInfo;
  counts: NativeTensorInfo;
}

/** The tensors of the file in pairs, by the name of the weight. */
async function readHeader(path: string): Promise<Map<string, Entry>> {
  const { metadata, tensors } = await loadNative()
    .readGguf(path)
    .catch((error: unknown) => {
      throw toBllossomError(error);
    });
  if (metadata['general.type'] !== 'imatrix') {
    throw new ModelFormatError(
      `${path} is not an importance matrix: its general.type is ${JSON.stringify(String(metadata['general.type']))}, not "imatrix"`,
    );
  }
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const entries = new Map<string, Entry>();
  for (const sums of tensors) {
    const name = /^(.+)\.in_sum2$/.exec(sums.name)?.[1];
    if (name === undefined) continue;
    const counts = byName.get(`${name}.counts`);
    if (counts === undefined) throw new ModelFormatError(`${path} has no ${name}.counts; it is damaged`);
    entries.set(name, { sums, counts });
  }
  return entries;
}

interface OpenEntry extends Entry {
  path: string;
  file: FileHandle;
  name: string;
}

/** Sums of squares over the number of rows that went into them. */
async function readEntry(entry: OpenEntry, rowLength: number): Promise<Float32Array<ArrayBuffer>> {
  const { path, name, sums, counts } = entry;
  checkShape(entry, sums, rowLength);
  checkShape(entry, counts, 1);
  const [count = 0] = await readFloats(entry, counts);
  if (!Number.isFinite(count) || count <= 0) {
    throw new ModelFormatError(`${path}: the count of ${name} is ${count}; it must be above 0`);
  }
  const values = await readFloats(entry, sums);
  const bad = values.find((value) => !Number.isFinite(value) || value < 0);
  if (bad !== undefined) {
    throw new ModelFormatError(`${path} holds ${bad} for ${name}; sums of squares are finite and not negative`);
  }
  return values.map((sum) => sum / count);
}

function checkShape({ path, name }: OpenEntry, { type, ne, name: stored }: NativeTensorInfo, length: number): void {
  const elements = ne.reduce((product, n) => product * n, 1);
  if (type === 'F32' && ne[0] === length && elements === length) return;
  throw new InvalidOptionError(
    `${path}: ${stored} is ${type} [${ne}], but ${name} needs F32 [${length}]; it was made with another model`,
  );
}

async function readFloats({ path, file }: OpenEntry, { offset, bytes }: NativeTensorInfo) {
  const floats = new Float32Array(bytes / 4);
  const { bytesRead } = await file
    .read(new Uint8Array(floats.buffer), 0, bytes, offset)
    .catch((error: unknown) => unreadable(path, error));
  if (bytesRead !== bytes) throw new IoError(`${path} ends early; it was changed while it was read`);
  return floats;
}

function unreadable(path: string, error: unknown): never {
  throw new IoError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
}
