// A small seeded mutator of GGUF files that knows where a file keeps what.

import { pick, randomOf } from './random.mjs';

const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const [STRING, ARRAY, U32, F32] = [8, 9, 4, 6];
const EXTREME_U32 = [0, 1, 2, 3, 7, 13, 31, 33, 255, 4097, 65537, 0x7fffffff, 0x80000000, 0xffffffff];
const EXTREME_F32 = [0, -0, -1, 1e-45, 1e-12, 0.1, 1e7, 3.4e38, Number.NaN, Infinity, -Infinity];

/** Where the parts of a sound file lie. */
export function openGguf(bytes, seed) {
  let at = 8;
  const skip = (size) => {
    at += size;
    return at - size;
  };
  const u32 = () => bytes.readUInt32LE(skip(4));
  const u64 = () => Number(bytes.readBigUInt64LE(skip(8)));
  const skipString = () => skip(u64());
  const skipValue = (type) => {
    if (type === STRING) skipString();
    else if (type !== ARRAY) skip(SIZES[type]);
    else for (let element = u32(), n = u64(); n > 0; n--) skipValue(element);
  };
  const tensorCount = u64();
  const entryCount = u64();
  const entries = [];
  for (let i = 0; i < entryCount; i++) {
    const start = at;
    skipString();
    const typeAt = at;
    const type = u32();
    const valueAt = at;
    skipValue(type);
    entries.push({ start, typeAt, type, valueAt, end: at });
  }
  const tensors = [];
  for (let i = 0; i < tensorCount; i++) {
    const start = at;
    skipString();
    const dims = u32();
    const dimsAt = skip(8 * dims);
    const typeAt = skip(4);
    const offsetAt = skip(8);
    tensors.push({ start, dims, dimsAt, typeAt, offsetAt, end: at });
  }
  return { bytes, entries, tensors, headerSize: at, random: randomOf(seed) };
}

const numbersOf = ({ entries }) => entries.filter(({ type }) => type === U32 || type === F32);

/** A copy with a change. */
function edited({ bytes }, change) {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

function setExtreme(copy, { type, valueAt }, random) {
  if (type === U32) copy.writeUInt32LE(pick(random, EXTREME_U32), valueAt);
  else copy.writeFloatLE(pick(random, EXTREME_F32), valueAt);
}

/** Each makes the bytes of one malformed file. */
export const mutators = {
  'truncated header': ({ bytes, headerSize, random }) => bytes.subarray(0, random(headerSize)),
  'truncated data': ({ bytes, headerSize, random }) =>
    bytes.subarray(0, headerSize + random(bytes.length - headerSize - 64)),
  'flipped bit': (gguf) =>
    edited(gguf, (copy) => {
      copy[gguf.random(gguf.headerSize)] ^= 1 << gguf.random(8);
    }),
  'random bytes': (gguf) =>
    edited(gguf, (copy) => {
      const at = gguf.random(gguf.headerSize - 8);
      for (let i = 0; i < 8; i++) copy[at + i] = gguf.random(256);
    }),
  'extreme value': (gguf) => edited(gguf, (copy) => setExtreme(copy, pick(gguf.random, numbersOf(gguf)), gguf.random)),
  'two extreme values': (gguf) =>
    edited(gguf, (copy) => {
      for (let i = 0; i < 2; i++) setExtreme(copy, pick(gguf.random, numbersOf(gguf)), gguf.random);
    }),
  'type of a key': (gguf) =>
    edited(gguf, (copy) => copy.writeUInt32LE(gguf.random(16), pick(gguf.random, gguf.entries).typeAt)),
  'type of a tensor': (gguf) =>
    edited(gguf, (copy) => copy.writeUInt32LE(gguf.random(48), pick(gguf.random, gguf.tensors).typeAt)),
  'shape of a tensor': (gguf) =>
    edited(gguf, (copy) => {
      const { dimsAt, dims } = pick(gguf.random, gguf.tensors);
      const side = pick(gguf.random, [0n, 1n, 31n, 33n, 1n << 31n, 1n << 32n, 1n << 62n, (1n << 64n) - 1n]);
      copy.writeBigUInt64LE(side, dimsAt + 8 * gguf.random(dims));
    }),
  'offset of a tensor': (gguf) =>
    edited(gguf, (copy) => {
      const offset = pick(gguf.random, [1n, 32n, 1n << 20n, 1n << 40n, 1n << 63n, (1n << 64n) - 32n]);
      copy.writeBigUInt64LE(offset, pick(gguf.random, gguf.tensors).offsetAt);
    }),
  'part left out': ({ bytes, entries, tensors, random }) => {
    const { start, end } = pick(random, [...entries, ...tensors]);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  'damaged weights': (gguf) =>
    edited(gguf, (copy) => {
      const value = pick(gguf.random, [Number.NaN, Infinity, 1e38, -1e38]);
      const from = (gguf.headerSize + gguf.random(copy.length - gguf.headerSize - 4096)) & ~3;
      for (let at = from; at < from + 4096; at += 4) copy.writeFloatLE(value, at);
    }),
  'no GGUF at all': ({ random }) => Buffer.from(Array.from({ length: random(64) }, () => random(256))),
};
