/** Writes GGUF files byte by byte; shares nothing with the engine's writer, so that it can stand against its reader. */

export type GgufValue =
  | { u32: number }
  | { f32: number }
  | { bool: boolean }
  | { text: string }
  | { i32s: readonly number[] }
  | { f32s: readonly number[] }
  | { texts: readonly string[] };

export interface GgufTensor {
  /** Fastest dimension first. */
  ne: number[];
  type: 'F32' | 'F16';
  values: Float32Array;
}

const ALIGNMENT = 32;
const TYPES = { F32: 0, F16: 1 };

export function ggufBytes(metadata: Record<string, GgufValue>, tensors: Map<string, GgufTensor>): Buffer {
  const parts = [Buffer.from('GGUF'), u32(3), u64(tensors.size), u64(Object.keys(metadata).length)];
  for (const [key, value] of Object.entries(metadata)) parts.push(text(key), ...valueBytes(value));
  const data: Buffer[] = [];
  let offset = 0;
  for (const [name, { ne, type, values }] of tensors) {
    parts.push(text(name), u32(ne.length), ...ne.map(u64), u32(TYPES[type]), u64(offset));
    const bytes = padded(type === 'F32' ? Buffer.from(values.slice().buffer) : halves(values));
    data.push(bytes);
    offset += bytes.length;
  }
  return Buffer.concat([padded(Buffer.concat(parts)), ...data]);
}

function valueBytes(value: GgufValue): Buffer[] {
  if ('u32' in value) return [u32(4), u32(value.u32)];
  if ('f32' in value) return [u32(6), f32(value.f32)];
  if ('bool' in value) return [u32(7), Buffer.from([Number(value.bool)])];
  if ('text' in value) return [u32(8), text(value.text)];
  if ('i32s' in value) return [u32(9), u32(5), u64(value.i32s.length), ...value.i32s.map(u32)];
  if ('f32s' in value) return [u32(9), u32(6), u64(value.f32s.length), ...value.f32s.map(f32)];
  return [u32(9), u32(8), u64(value.texts.length), ...value.texts.map(text)];
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);
}

function halves(values: Float32Array): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt16LE(toHalf(value), 2 * i);
  });
  return bytes;
}

/** Rounded to the nearest, ties to even. */
function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  const scaled = size / 2 ** (exponent - 10); // in units of the last place
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // a fraction that rounds up to the next power of two carries into the exponent
  return sign | (((exponent + 14) << 10) + rounded);
}
