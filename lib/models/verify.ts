/** Whether a model file is what it should be. */

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { checkCallback, checkInstance, checkOptions, checkPath, checkSignal, reading } from '../check.js';
import { BllossomError, IoError, ModelFormatError } from '../errors.js';
import { inspectGguf } from '../inspect.js';
import type { InstalledModel } from './installed.js';
import { checkRecord } from './record.js';

const PIECE_BYTES = 1024 * 1024;
/** The path is resolved before; a link that takes its place meanwhile is not followed. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);

export interface VerifyOptions {
  /** Bytes of this file that were read. */
  onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
  /** Stops it; it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface VerifiedModel {
  readonly model: InstalledModel;
  /** "content": size and SHA-256 against the record, and the header. "structure": there is no record, only the header. */
  readonly checked: 'content' | 'structure';
  /** What is wrong; undefined: nothing. */
  readonly fault: BllossomError | undefined;
}

/**
 * Compares a model of `listModels` with its record, byte by byte, and reads its header. A fault is not thrown but told.
 *
 * @throws InvalidArgumentError on wrong options; the signal's reason
 */
export async function verifyModel(model: InstalledModel, options?: VerifyOptions): Promise<VerifiedModel> {
  const given = checkOptions('options', options, ['onProgress', 'signal']);
  const onProgress = checkCallback('onProgress', given.onProgress);
  const signal = given.signal === undefined ? undefined : checkSignal('signal', given.signal);
  const { file, record, fault } = readModel(model);
  const checked = record === undefined ? 'structure' : 'content';
  if (fault !== undefined) return { model, checked, fault };
  try {
    if (record !== undefined) {
      const sha256 = await hashFile(file, { onProgress, signal });
      if (sha256 !== record.sha256) {
        throw new ModelFormatError(
          `${file} was changed or damaged: its SHA-256 is ${sha256}, its record says ${record.sha256}; ` +
            'remove it and pull it again',
        );
      }
    }
    await inspectGguf(file);
    return { model, checked, fault: undefined };
  } catch (error) {
    if (!(error instanceof BllossomError)) throw error; // the signal's reason, or what the callback threw
    return { model, checked, fault: error };
  }
}

/** What counts of a model that a caller gives. */
function readModel(model: InstalledModel): Pick<InstalledModel, 'file' | 'record' | 'fault'> {
  return reading('model cannot be read', () => {
    const { file, record, fault } = model ?? {};
    return {
      file: checkPath('model.file', file),
      record: record === undefined ? undefined : checkRecord('model.record', record),
      fault: fault === undefined ? undefined : checkInstance('model.fault', fault, BllossomError, 'a BllossomError'),
    };
  });
}

/** The SHA-256 of a file, as 64 hexadecimal digits. @throws IoError; the signal's reason; what `onProgress` throws */
export async function hashFile(path: string, { onProgress, signal }: VerifyOptions = {}): Promise<string> {
  const file = await readingFile(path, async () => open(await realpath(path), READ));
  try {
    const { size } = await readingFile(path, () => file.stat());
    const hash = createHash('sha256');
    const buffer = Buffer.alloc(PIECE_BYTES);
    for (let done = 0; ; ) {
      const { bytesRead } = await readingFile(path, () => file.read(buffer));
      if (bytesRead === 0) return hash.digest('hex');
      signal?.throwIfAborted();
      hash.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
      onProgress?.(done, size);
    }
  } finally {
    await file.close();
  }
}

async function readingFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new IoError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
