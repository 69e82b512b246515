// What a program may pass by mistake, or to do harm: [name, makes a fresh one]. Every one is tried in every argument of
// the public API by odd-values-child.mjs.

/** What the odd functions, getters and proxies throw. */
export const THROWN = new Error('an odd value threw this');

const fail = () => {
  throw THROWN;
};

/** The name of a value that the caller alone could bring to an end. */
export const NEVER_SETTLES = 'a thenable that never settles';

/** A proxy that throws whatever is done with it. */
const hostile = (target) => new Proxy(target, new Proxy({}, { get: () => fail }));

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function detached() {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** A view that lies outside its buffer. */
function outOfBounds() {
  const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
  const view = new Uint8Array(buffer, 4, 4);
  buffer.resize(2);
  return view;
}

function cyclic(value, key) {
  value[key] = value;
  return value;
}

function nested(levels) {
  let value = [];
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

class Private {
  #secret = 1;
  get secret() {
    return this.#secret;
  }
}

export const ODD_VALUES = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['true', () => true],
  ['NaN', () => Number.NaN],
  ['Infinity', () => Number.POSITIVE_INFINITY],
  ['-Infinity', () => Number.NEGATIVE_INFINITY],
  ['-0', () => -0],
  ['-1', () => -1],
  ['0.5', () => 0.5],
  ['2^32', () => 2 ** 32],
  ['2^53', () => 2 ** 53],
  ['1e308', () => 1e308],
  ['5e-324', () => 5e-324],
  ['a bigint', () => 1n],
  ['a huge bigint', () => 2n ** 70n],
  ['a symbol', () => Symbol('odd')],
  ['an empty string', () => ''],
  ['white space', () => ' \n'],
  ['a NUL in a string', () => 'a\0b'],
  ['a lone surrogate', () => '\ud800x'],
  ['"__proto__"', () => '__proto__'],
  ['a string of 1 MB', () => 'odd '.repeat(1 << 18)],
  ['a boxed string', () => new String('odd')],
  ['an empty array', () => []],
  ['an array of undefined', () => [undefined]],
  ['a sparse array', () => new Array(3)],
  ['a sparse array of 2^32 - 1', () => new Array(2 ** 32 - 1)],
  ['a cyclic array', () => cyclic([], 0)],
  ['an array 10,000 levels deep', () => nested(10_000)],
  ['an array with a getter that throws', () => Object.defineProperty([], 0, { get: fail, enumerable: true })],
  ['an empty Uint8Array', () => new Uint8Array()],
  ['a Float64Array of NaN', () => Float64Array.of(Number.NaN)],
  ['a BigInt64Array', () => BigInt64Array.of(-1n)],
  ['an Int32Array of -1', () => Int32Array.of(-1)],
  ['a detached Uint8Array', detached],
  ['a shared Uint8Array', () => new Uint8Array(new SharedArrayBuffer(8))],
  ['a Uint8Array outside its buffer', outOfBounds],
  ['a DataView', () => new DataView(new ArrayBuffer(4))],
  ['a function', () => () => {}],
  ['a function that throws', () => fail],
  ['a class', () => Private],
  ['a generator', () => (function* () {})()],
  ['a promise', () => Promise.resolve(1)],
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what is wanted
  [NEVER_SETTLES, () => ({ then() {} })],
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what is wanted
  ['a thenable that throws', () => ({ then: fail })],
  ['an invalid Date', () => new Date(Number.NaN)],
  ['a RegExp', () => /odd/],
  ['a Map', () => new Map([['maxTokens', 1]])],
  ['an Error', () => new Error('odd')],
  ['an instance of a class', () => new Private()],
  ['an object without prototype', () => Object.create(null)],
  ['an object with an own __proto__', () => JSON.parse('{"__proto__": {"maxTokens": 1}}')],
  ['an object that inherits', () => Object.create({ maxTokens: -1 })],
  ['a frozen object', () => Object.freeze({})],
  ['a cyclic object', () => cyclic({}, 'self')],
  ['an object of a huge length', () => ({ length: 2 ** 53 })],
  ['an object with a getter that throws', () => Object.defineProperty({}, 'odd', { get: fail, enumerable: true })],
  ['an object that cannot be a string', () => ({ toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail })],
  ['an object whose constructor throws', () => Object.defineProperty({}, 'constructor', { get: fail })],
  ['a proxy that throws', () => hostile({})],
  ['a function proxy that throws', () => hostile(() => {})],
  ['an array proxy that throws', () => hostile([])],
  ['a revoked proxy', () => revoked({})],
  ['a revoked function proxy', () => revoked(() => {})],
];

/** Not a value: the property is there, but reading it throws. */
export const THROWING_GETTER = ['a getter that throws', { get: fail, enumerable: true, configurable: true }];
