/** Reads a file front to back over several connections: parts are fetched side by side and handed out in order. */

import type { RemoteFile } from './remote-file.js';

/** Connections at once. */
const PARALLEL = 4;
const SMALLEST_RANGE = 16 * 1024;
const LARGEST_RANGE = 8 * 1024 * 1024;

/**
 * Bytes of one range. What a killed process had in flight is fetched again, so a small download has small ranges.
 *
 * @param totalBytes of all files that are downloaded
 */
export function rangeBytes(totalBytes: number): number {
  return Math.min(LARGEST_RANGE, Math.max(SMALLEST_RANGE, Math.ceil(totalBytes / 128)));
}

/** From byte `start` to the end. At most `PARALLEL` ranges are in memory besides the one that is handed out. */
export async function* orderedRanges(remote: RemoteFile, start: number, length: number, signal: AbortSignal) {
  const { size } = remote.file;
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const open: Promise<Buffer>[] = [];
  let next = start;
  try {
    while (next < size || open.length > 0) {
      while (next < size && open.length < PARALLEL) {
        const part = remote.read(next, Math.min(length, size - next), either);
        part.catch(() => {}); // told when its turn comes
        open.push(part);
        next += length;
      }
      const part = await (open.shift() as Promise<Buffer>);
      yield part;
    }
  } finally {
    failure.abort();
    await Promise.allSettled(open);
  }
}
