// Seeded changes of a JSON value that know its structure, and what only the text of JSON can say: numbers that JavaScript
// does not have, keys that come twice, halves of characters, depth that no value can have.

import { pick } from './random.mjs';

/** Text that stands in JSON as it is. */
class Raw {
  constructor(text) {
    this.text = text;
  }
}

const raw = (text) => new Raw(text);

const VALUES = [null, true, false, 0, 1, -1, 1.5, '', 'x', '0', [], {}, [[]], [null], { a: 1 }, [0, 0, 0], [{}]];
const NUMBERS = [
  ...[
    '-0',
    '1e999',
    '-1e999',
    '1e-400',
    '1e308',
    '-1',
    '0',
    '1',
    '2',
    '3',
    '7',
    '0.5',
    '1e38',
    '1e39',
    '1e-46',
    '2.5e9',
  ],
  ...['2147483647', '2147483648', '4294967295', '4294967296', '9007199254740991', '9007199254740993'],
  ...['18446744073709551615', '123456789012345678901234567890', '1048576', '65537', '257', '1e5'],
];
const NO_NUMBERS = ['NaN', 'Infinity', '-Infinity', '01', '0x10', '+1', '.5', '1.', '1e', "'a'", 'undefined', '//', ''];
const STRINGS = [
  ...['../../etc/passwd', '/etc/passwd', 'C:\\x', '\u0000', 'a\u0000b', '\n\n', '\u001b[2J', '\u202e', '😀', 'é', 'ﾠ'],
  ...['__proto__', 'model.safetensors', 'F32', 'BF16', 'I64', 'F4', '<|image|>', '<|begin_of_text|>', ' ', 'llama3'],
];
const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '',
  '0',
  'length',
  'then',
  '__metadata__',
];
const HALVES = ['"\\ud800"', '"\\udc00"', '"a\\ud800b"', '"\\ud800\\ud800"', '"\\udfff\\ud800"'];

/** Every change puts a value into a place: a container and a key of it. */
const CHANGES = {
  'key dropped': (place) => remove(place),
  'item twice': ({ holder, key }) => (Array.isArray(holder) ? holder.splice(key, 0, holder[key]) : undefined),
  'key twice': ({ holder, key }, random) => {
    if (!Array.isArray(holder))
      holder[key] = raw(`${write(holder[key])},${JSON.stringify(key)}:${write(pick(random, VALUES))}`);
  },
  'value of another type': ({ holder, key }, random) => set(holder, key, pick(random, VALUES)),
  'extreme number': ({ holder, key }, random) => set(holder, key, raw(pick(random, NUMBERS))),
  'no number': ({ holder, key }, random) => set(holder, key, raw(pick(random, NO_NUMBERS))),
  'number moved': ({ holder, key }, random) => {
    if (typeof holder[key] === 'number')
      holder[key] = pick(random, [holder[key] + 1, holder[key] - 1, 2 * holder[key], -holder[key]]);
    else set(holder, key, random(300));
  },
  'odd string': ({ holder, key }, random) => set(holder, key, pick(random, STRINGS)),
  'half a character': ({ holder, key }, random) => set(holder, key, raw(pick(random, HALVES))),
  'huge string': ({ holder, key }, random) =>
    set(holder, key, pick(random, ['A', '\u0000', '한', '"']).repeat(1 + random(50_000))),
  'deep nesting': ({ holder, key }, random) =>
    set(holder, key, raw(nested(pick(random, [40, 65, 1000, 100_000]), random))),
  'odd key': ({ holder }, random) => {
    const value = pick(random, VALUES);
    if (Array.isArray(holder)) holder.push(value);
    else define(holder, pick(random, KEYS), value);
  },
  'key renamed': ({ holder, key }, random) => {
    const value = holder[key];
    remove({ holder, key });
    if (!Array.isArray(holder))
      define(holder, pick(random, [`${key}x`, key.slice(1), key.toUpperCase(), pick(random, STRINGS)]), value);
  },
  'long list': ({ holder, key }, random) =>
    set(
      holder,
      key,
      Array.from({ length: 3000 }, () => pick(random, VALUES)),
    ),
  emptied: ({ holder, key }) => set(holder, key, Array.isArray(holder[key]) ? [] : {}),
  'taken from elsewhere': ({ holder, key }, random, root) => {
    const other = randomPlace(root, random);
    set(holder, key, structuredClone(other.holder[other.key]));
  },
};

export const CHANGE_NAMES = Object.keys(CHANGES);

/** The text of a JSON value with one change of this name. */
export function changedJson(value, name, random) {
  const root = structuredClone(value);
  CHANGES[name](randomPlace(root, random), random, root);
  return write(root);
}

/** Walks down from the root, and stops at every level with a chance of one in three. */
function randomPlace(root, random) {
  let place = { holder: { root }, key: 'root' };
  for (let below = root; ; below = place.holder[place.key]) {
    const keys = typeof below === 'object' && below !== null ? Object.keys(below) : [];
    if (keys.length === 0) return place;
    const key = pick(random, keys);
    place = { holder: below, key: Array.isArray(below) ? Number(key) : key };
    if (random(3) === 0) return place;
  }
}

/** JSON.parse knows a key "__proto__" too, as an own one. */
function define(holder, key, value) {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function set(holder, key, value) {
  define(holder, key, value);
}

function remove({ holder, key }) {
  if (Array.isArray(holder)) holder.splice(key, 1);
  else delete holder[key];
}

function nested(depth, random) {
  const [open, close] = pick(random, [
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"":', '}]'],
  ]);
  return `${open.repeat(depth)}0${random(4) === 0 ? '' : close.repeat(depth)}`;
}

function write(value) {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  return `{${Object.keys(value)
    .map((key) => `${JSON.stringify(key)}:${write(value[key])}`)
    .join()}}`;
}
