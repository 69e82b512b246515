/** PNG files of every kind, written by hand. */

import { crc32, deflateSync } from 'node:zlib';

export interface PngChunk {
  type: string;
  data: Buffer;
}

function chunk({ type, data }: PngChunk): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** @param samples of all pixels, row by row; none: the data are among the extra chunks, which come before */
export function pngFile(
  width: number,
  height: number,
  bits: 8 | 16,
  colourType: number,
  samples: number[],
  extra: PngChunk[] = [],
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, colourType, 0, 0, 0], 8);

  const perLine = samples.length / height;
  const lines = Array.from({ length: samples.length > 0 ? height : 0 }, (_, y) => {
    const line = samples.slice(y * perLine, (y + 1) * perLine);
    return [0, ...line.flatMap((sample) => (bits === 16 ? [sample >> 8, sample & 255] : [sample]))];
  });
  const chunks = [{ type: 'IHDR', data: header }, ...extra];
  if (lines.length > 0) chunks.push({ type: 'IDAT', data: deflateSync(Buffer.from(lines.flat())) });
  chunks.push({ type: 'IEND', data: Buffer.alloc(0) });
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...chunks.map(chunk)]);
}
