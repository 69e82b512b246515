// Normally distributed BF16 numbers by the gigabyte: a tensor is made of stretches of one pool of numbers, taken from
// places that depend on the seed, the tensor and the position alone. So any part can be made without the rest.

const POOL_ELEMENTS = 1 << 20;
const STRETCH = 1 << 14; // elements taken at once

/** A 32-bit generator (mulberry32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** FNV-1a. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

const number = new Float32Array(1);
const bits = new Uint32Array(number.buffer);
/** Rounded to nearest even. */
function toBf16(value) {
  number[0] = value;
  return (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
}

const pools = new Map();

/** Numbers of one mean and deviation (Box-Muller). */
function pool(mean, deviation) {
  const key = `${mean} ${deviation}`;
  let values = pools.get(key);
  if (values !== undefined) return values;
  values = new Uint16Array(POOL_ELEMENTS + STRETCH);
  const next = generator(hash(key));
  for (let i = 0; i < values.length; i++) {
    const [u, v] = [(next() + 1) / 2 ** 32, next() / 2 ** 32];
    values[i] = toBf16(mean + deviation * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v));
  }
  pools.set(key, values);
  return values;
}

/**
 * BF16 bytes of a tensor from byte `offset` on; both even.
 *
 * @param {import('./tensors.mjs').RandomTensor} tensor
 */
export function randomBytes(tensor, seed, offset, length) {
  const result = new Uint16Array(length / 2);
  const first = offset / 2;
  const numbers = pool(tensor.mean, tensor.deviation);
  const key = hash(`${seed} ${tensor.name}`);
  for (let at = 0; at < result.length; ) {
    const index = Math.floor((first + at) / STRETCH);
    const inStretch = (first + at) % STRETCH;
    const count = Math.min(STRETCH - inStretch, result.length - at);
    const from = (generator(key + index)() % POOL_ELEMENTS) + inStretch;
    result.set(numbers.subarray(from, from + count), at);
    at += count;
  }
  if (tensor.filled !== undefined) clearUnfilled(result, first, tensor);
  return new Uint8Array(result.buffer);
}

function clearUnfilled(values, first, { shape, filled }) {
  const rowLength = shape[1];
  for (const [row, count] of filled.entries()) {
    const [from, to] = [row * rowLength + count - first, (row + 1) * rowLength - first];
    if (to > 0 && from < values.length) values.fill(0, Math.max(0, from), Math.min(values.length, to));
  }
}
