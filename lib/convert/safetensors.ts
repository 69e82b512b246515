import { ModelFormatError } from '../errors.js';
import { KIND_BYTES, refuseForeignKind } from './file-kind.js';
import { excerpt, isObject, type JsonObject, parseObject } from './json.js';
import type { CheckpointFiles, RandomAccessFile, SourceTensor, TensorSource } from './tensor-source.js';

/** The format's own limit on the JSON header, in bytes. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
/** Names of tensors as any framework writes them; they go into messages. */
const TENSOR_NAME = /^[\x21-\x7e]{1,512}$/;

const OPENING_BRACE = 0x7b;

const INDEX_FILE = 'model.safetensors.index.json';
const SINGLE_FILE = 'model.safetensors';

const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;
type Dtype = keyof typeof DTYPE_BYTES;

/** One tensor of a header. `begin` counts from the start of the data section. */
export interface SafetensorsEntry {
  name: string;
  dtype: Dtype;
  shape: number[];
  begin: number;
  bytes: number;
}

/**
 * Checks a header against the size of the data that follows it: known types, products that agree with the byte ranges,
 * and ranges that tile the data without a hole or an overlap up to the end of the file.
 */
export function parseSafetensorsHeader(text: string, dataBytes: number, file: string): SafetensorsEntry[] {
  const header = parseObject(text, `The header of ${file}`);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(name, value, file))
    .sort((a, b) => a.begin - b.begin || a.bytes - b.bytes);

  let end = 0;
  for (const entry of entries) {
    if (entry.begin !== end) {
      const fault = entry.begin < end ? 'overlaps the one before it' : 'leaves a hole before it';
      throw new ModelFormatError(`${file}: tensor ${entry.name} starts at byte ${entry.begin} and ${fault} (${end})`);
    }
    end += entry.bytes;
  }
  if (end !== dataBytes) {
    throw new ModelFormatError(
      `${file} holds ${dataBytes} bytes of tensors, but its header describes ${end}; download it again`,
    );
  }
  return entries;
}

function parseEntry(name: string, value: unknown, file: string): SafetensorsEntry {
  checkTensorName(name, file);
  const where = `${file}: tensor ${name}`;
  if (!isObject(value)) {
    throw new ModelFormatError(`${where} is not described by an object`);
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw new ModelFormatError(`${where} has the unknown type ${excerpt(dtype)}`);
  }
  if (!isCountArray(shape)) {
    throw new ModelFormatError(`${where} has the shape ${excerpt(shape)}; it must be integers from 0`);
  }
  if (!isCountArray(offsets) || offsets.length !== 2) {
    throw new ModelFormatError(`${where} has the byte range ${excerpt(offsets)}; it must be [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, n) => product * n, DTYPE_BYTES[dtype as Dtype]);
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
    throw new ModelFormatError(`${where} has ${bytes} bytes by its shape, but the byte range [${begin}, ${end}]`);
  }
  return { name, dtype: dtype as Dtype, shape, begin, bytes };
}

function checkTensorName(name: string, file: string): void {
  if (TENSOR_NAME.test(name)) return;
  throw new ModelFormatError(`${file} names a tensor ${excerpt(name)}; it must be 1 to 512 letters, digits and signs`);
}

function isCountArray(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** One open safetensors file. */
interface Shard {
  file: RandomAccessFile;
  dataStart: number;
  entries: SafetensorsEntry[];
}

async function openShard(files: CheckpointFiles, name: string): Promise<Shard> {
  const file = await files.open(name);
  try {
    const length = await readHeaderLength(file, name);
    const dataStart = LENGTH_BYTES + length;
    const text = decodeUtf8(await file.read(LENGTH_BYTES, length), name);
    return { file, dataStart, entries: parseSafetensorsHeader(text, file.size - dataStart, name) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Any file has a first number; one that cannot be the length of a header, or has no "{" after it, may be something else. */
async function readHeaderLength(file: RandomAccessFile, name: string): Promise<number> {
  const head = await file.read(0, Math.min(file.size, KIND_BYTES));
  const length = file.size < LENGTH_BYTES ? 0n : Buffer.from(head).readBigUInt64LE();
  const fits = length <= MAX_HEADER_BYTES && LENGTH_BYTES + Number(length) <= file.size;
  if (!fits || head[LENGTH_BYTES] !== OPENING_BRACE) refuseForeignKind(head, name);
  if (file.size < LENGTH_BYTES) {
    throw new ModelFormatError(`${name} has ${file.size} bytes; it is not a safetensors file`);
  }
  if (!fits) {
    throw new ModelFormatError(
      `${name} announces a header of ${length} bytes; the limit is ${MAX_HEADER_BYTES} and the file has ${file.size}`,
    );
  }
  return Number(length);
}

function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ModelFormatError(`The header of ${name} is not valid UTF-8`, { cause });
  }
}

/** Where a tensor lies. */
export interface TensorPlace {
  file: string;
  /** Of its first byte in the file. */
  offset: number;
}

/** A checkpoint's tensors, and the files they lie in. */
export interface OpenTensorSource extends TensorSource {
  readonly places: ReadonlyMap<string, TensorPlace>;
  close(): Promise<void>;
}

/**
 * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` lists. Every tensor must lie in the
 * shard that the index names, and no shard may hold others.
 */
export async function openSafetensors(files: CheckpointFiles): Promise<OpenTensorSource> {
  const names = await files.list();
  const shardOf = names.includes(SINGLE_FILE) ? undefined : await readIndex(files, names);
  const shardNames = shardOf === undefined ? [SINGLE_FILE] : [...new Set(shardOf.values())].sort();

  const shards = new Map<string, Shard>();
  const close = async () => {
    await Promise.all([...shards.values()].map((shard) => shard.file.close()));
  };
  try {
    for (const name of shardNames) {
      if (!names.includes(name)) {
        throw new ModelFormatError(`${INDEX_FILE} names the file ${name}, which is missing; download it`);
      }
      shards.set(name, await openShard(files, name));
    }
    return { ...joinShards(shards, shardOf), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readIndex(files: CheckpointFiles, names: string[]): Promise<Map<string, string>> {
  if (!names.includes(INDEX_FILE)) {
    const pickle = names.find((name) => /\.(bin|ckpt|pickle|pkl|pt|pth)$/i.test(name));
    const hint = pickle === undefined ? '' : `; ${pickle} is a pickle file, which can run code: use safetensors`;
    throw new ModelFormatError(`${files.location} has neither ${SINGLE_FILE} nor ${INDEX_FILE}${hint}`);
  }
  const index = parseObject(await files.readText(INDEX_FILE), INDEX_FILE);
  const map: unknown = index.weight_map;
  if (!isObject(map)) {
    throw new ModelFormatError(`${INDEX_FILE} has no weight_map`);
  }
  return new Map(Object.entries(map as JsonObject).map(([tensor, file]) => [tensor, shardName(tensor, file)]));
}

function shardName(tensor: string, file: unknown): string {
  checkTensorName(tensor, INDEX_FILE);
  if (typeof file !== 'string' || !/^[\w.-]+\.safetensors$/.test(file)) {
    throw new ModelFormatError(
      `${INDEX_FILE} places ${tensor} in ${excerpt(file)}; it must be a .safetensors file in the same folder`,
    );
  }
  return file;
}

function joinShards(
  shards: Map<string, Shard>,
  shardOf: Map<string, string> | undefined,
): Omit<OpenTensorSource, 'close'> {
  const places = new Map<string, TensorPlace>();
  const tensors = new Map<string, SourceTensor>();
  for (const [file, shard] of shards) {
    for (const { name, dtype, shape, begin, bytes } of shard.entries) {
      if (shardOf !== undefined && shardOf.get(name) !== file) {
        throw new ModelFormatError(`${file} holds the tensor ${name}, which ${INDEX_FILE} does not place there`);
      }
      tensors.set(name, { name, dtype, shape, bytes });
      places.set(name, { file, offset: shard.dataStart + begin });
    }
  }
  for (const [name, file] of shardOf ?? []) {
    if (!tensors.has(name)) {
      throw new ModelFormatError(`${INDEX_FILE} places the tensor ${name} in ${file}, which does not hold it`);
    }
  }
  return {
    tensors,
    places,
    read(name, offset, length) {
      const place = places.get(name);
      const tensor = tensors.get(name);
      const shard = shards.get(place?.file ?? '');
      if (place === undefined || shard === undefined || offset + length > (tensor?.bytes ?? 0)) {
        throw new RangeError(`no bytes ${offset}+${length} in tensor ${name}`);
      }
      return shard.file.read(place.offset + offset, length);
    },
  };
}
