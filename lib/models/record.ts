/** What is noted about a model file of the cache: where it came from, and what it must hold. */

import { checkArray, checkInteger, checkOptions, checkText, fail } from '../check.js';
import { ModelFormatError } from '../errors.js';

export interface ModelRecord {
  version: 1;
  /** Id on the hub. */
  repository: string;
  /** Commit of the hub that the files are of. */
  revision: string;
  /** Quantization type of the file. */
  type: string;
  /** The files of the hub that it was made of. */
  sources: ModelSource[];
  /** Of the model file. */
  bytes: number;
  /** Of the model file: 64 hexadecimal digits. */
  sha256: string;
  /** ISO 8601. */
  created: string;
}

export interface ModelSource {
  file: string;
  /** Bytes. */
  size: number;
  /** 64 hexadecimal digits. */
  sha256: string;
}

export const RECORD_BYTES = 4 * 1024 * 1024;

const MAX_SOURCES = 10_000;
const KEYS = ['version', 'repository', 'revision', 'type', 'sources', 'bytes', 'sha256', 'created'];

/**
 * @param text undefined where the file is too large
 * @throws ModelFormatError
 */
export function parseRecord(path: string, text: string | undefined): ModelRecord {
  try {
    if (text === undefined) throw new Error(`it has more than ${RECORD_BYTES} bytes`);
    return checkRecord('the record', JSON.parse(text));
  } catch (cause) {
    throw new ModelFormatError(`${path} is no record of a model: ${(cause as Error).message}; remove it`, { cause });
  }
}

/** @throws InvalidArgumentError naming what is wrong */
export function checkRecord(name: string, value: ModelRecord): ModelRecord {
  if (typeof value !== 'object' || value === null) fail(name, 'an object', value);
  const { version, repository, revision, type, sources, bytes, sha256, created } = checkOptions(name, value, KEYS);
  if (version !== 1) fail(`${name}.version`, '1', version);
  if (typeof created !== 'string' || Number.isNaN(Date.parse(created))) fail(`${name}.created`, 'a date', created);
  return {
    ...{ version, created },
    repository: checkText(`${name}.repository`, repository),
    revision: checkText(`${name}.revision`, revision),
    type: checkText(`${name}.type`, type),
    sources: checkArray(`${name}.sources`, sources as ModelSource[], MAX_SOURCES).map((source, i) =>
      checkSource(`${name}.sources[${i}]`, source),
    ),
    bytes: checkInteger(`${name}.bytes`, bytes, { min: 0 }),
    sha256: checkHash(`${name}.sha256`, sha256),
  };
}

function checkSource(name: string, value: ModelSource): ModelSource {
  if (typeof value !== 'object' || value === null) fail(name, 'an object', value);
  const { file, size, sha256 } = checkOptions(name, value, ['file', 'size', 'sha256']);
  return {
    file: checkText(`${name}.file`, file),
    size: checkInteger(`${name}.size`, size, { min: 0 }),
    sha256: checkHash(`${name}.sha256`, sha256),
  };
}

function checkHash(name: string, value: unknown): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) fail(name, '64 hexadecimal digits', value);
  return value;
}
