import { open } from 'node:fs/promises';
import type { NativeGgufInfo } from '../../lib/native/binding.js';
import { loadNative } from '../../lib/native/load.js';

/** A GGUF file with the bytes of its tensors. */
export async function readGgufTensors(
  path: string,
): Promise<{ info: NativeGgufInfo; bytes(name: string): Promise<Buffer> }> {
  const info = await loadNative().readGguf(path);
  return {
    info,
    async bytes(name) {
      const place = info.tensors.find((tensor) => tensor.name === name);
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
