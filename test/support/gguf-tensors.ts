import { open } from 'node:fs/promises';
import type { NativeGgufInfo } from '../../lib/native/binding.js';
import { loadNative } from '../../lib/native/load.js';

const ALIGNMENT = 32;

/** A GGUF file with the bytes of its tensors. Holds for files of one writer: tensors in order, without gaps but padding. */
export async function readGgufTensors(
  path: string,
): Promise<{ info: NativeGgufInfo; bytes(name: string): Promise<Buffer> }> {
  const info = await loadNative().readGguf(path);
  const padded = info.tensors.map(({ bytes }) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
  let offset = info.fileBytes - padded.reduce((sum, n) => sum + n, 0);
  const places = new Map(
    info.tensors.map(({ name, bytes }, i) => {
      const place = { offset, bytes };
      offset += padded[i] as number;
      return [name, place];
    }),
  );
  return {
    info,
    async bytes(name) {
      const place = places.get(name);
      if (place === undefined) {
        throw new Error(`no tensor ${name}`);
      }
      const file = await open(path, 'r');
      try {
        const { buffer } = await file.read(Buffer.alloc(place.bytes), 0, place.bytes, place.offset);
        return buffer;
      } finally {
        await file.close();
      }
    },
  };
}

/** Values of an F32 tensor. */
export function toFloats(bytes: Buffer): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
