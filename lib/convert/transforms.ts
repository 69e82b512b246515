import type { Llama3Scaling } from './hyper-parameters.js';

/** Changes the order of rows or columns in a piece of whole units. Takes and returns the checkpoint's own bytes. */
export interface Transform {
  /** Rows that must stay together in one piece. */
  unitRows: number;
  apply(piece: Uint8Array, rowBytes: number, elementBytes: number): Uint8Array;
}

/**
 * Rows of self-attention q and k: the checkpoint pairs row j of a head with row j + half (rotate-half RoPE); the file
 * pairs neighbours, as ggml's plain RoPE does. New row 2j + b of a head is old row b * half + j.
 */
export function pairNeighbours(headSize: number): Transform {
  const half = headSize / 2;
  return {
    unitRows: headSize,
    apply(piece, rowBytes) {
      const result = new Uint8Array(piece.length);
      const rows = piece.length / rowBytes;
      for (let row = 0; row < rows; row++) {
        const inHead = row % headSize;
        const from = row - inHead + (inHead % 2) * half + Math.floor(inHead / 2);
        result.set(piece.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
      }
      return result;
    },
  };
}

/**
 * Columns of the projector: after the `width` columns of the final state the checkpoint interleaves the `count`
 * intermediate states element by element; the file has one block of columns per state, so that the engine can
 * concatenate. New column width + k * width + d is old column width + d * count + k.
 */
export function separateIntermediates(width: number, count: number): Transform {
  return {
    unitRows: 1,
    apply(piece, rowBytes, elementBytes) {
      const old = elementBytes === 4 ? viewAs(Uint32Array, piece) : viewAs(Uint16Array, piece);
      const result = old.slice();
      const columns = rowBytes / elementBytes;
      for (let start = 0; start < old.length; start += columns) {
        for (let k = 0; k < count; k++) {
          for (let d = 0; d < width; d++) {
            result[start + width + k * width + d] = old[start + width + d * count + k] as number;
          }
        }
      }
      return new Uint8Array(result.buffer, result.byteOffset, result.byteLength);
    },
  };
}

/** The same bytes as elements; copied when they do not lie aligned. */
function viewAs<T>(
  type: { new (buffer: ArrayBufferLike, offset: number, length: number): T; BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): T {
  const aligned = bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new type(aligned.buffer, aligned.byteOffset, aligned.length / type.BYTES_PER_ELEMENT);
}

/** The divisors of RoPE's frequencies under llama3 scaling, one per pair of a head. Computed in double, kept in F32. */
export function ropeFactors(base: number, headSize: number, scaling: Llama3Scaling): Float32Array {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContextLength: context } = scaling;
  return Float32Array.from({ length: headSize / 2 }, (_, i) => {
    const waveLength = 2 * Math.PI * base ** ((2 * i) / headSize);
    if (waveLength < context / high) {
      return 1;
    }
    if (waveLength > context / low) {
      return factor;
    }
    const smooth = (context / waveLength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
