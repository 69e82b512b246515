/** A whole model file gets its name in the cache, and its record. */

import { rename, stat } from 'node:fs/promises';
import { forgetRecord, writeRecord } from '../models/cache.js';
import { checkRecord, type ModelRecord } from '../models/record.js';
import { hashFile } from '../models/verify.js';
import { type DownloadFolder, failed } from './download-folder.js';

/** The record on its way: as long as it lies in the download's folder, the last steps are not done. */
const NAME = 'record.json';

/** @throws IoError; the signal's reason, up to where the file gets its name */
export async function publish(
  folder: DownloadFolder,
  target: string,
  facts: Pick<ModelRecord, 'repository' | 'revision' | 'type' | 'sources'>,
  signal: AbortSignal,
): Promise<ModelRecord> {
  const { size: bytes } = await stat(folder.model).catch((cause) => failed('read', folder.model, cause));
  const sha256 = await hashFile(folder.model, { signal });
  const record: ModelRecord = { version: 1, ...facts, bytes, sha256, created: new Date().toISOString() };
  await folder.write(NAME, JSON.stringify(record));
  await forgetRecord(target);
  await rename(folder.model, target).catch((cause) => failed('write', target, cause));
  await conclude(folder, target, record);
  return record;
}

/** The last steps of a download whose process ended between giving the file its name and writing the record. */
export async function publishInterrupted(folder: DownloadFolder, target: string): Promise<void> {
  const record = readRecord(await folder.read(NAME));
  const isNamed = (await folder.wholeModelBytes()) === undefined;
  if (record === undefined || !isNamed) return;
  const stats = await stat(target).catch(() => undefined);
  if (stats?.size === record.bytes) await conclude(folder, target, record);
}

async function conclude(folder: DownloadFolder, target: string, record: ModelRecord): Promise<void> {
  await writeRecord(target, record);
  await folder.remove();
}

function readRecord(text: Buffer | undefined): ModelRecord | undefined {
  try {
    return checkRecord('record', JSON.parse(text?.toString('utf8') ?? ''));
  } catch {
    return undefined;
  }
}
