// A seeded mutator of Hugging Face checkpoints: it changes JSON files by their structure, safetensors headers, bytes,
// and which files there are. A mutant is a map of the changed files; undefined: the file is gone.

import { CHANGE_NAMES, changedJson } from './malformed-json.mjs';
import { pick } from './random.mjs';

const isTensors = (name) => name.endsWith('.safetensors');
const INDEX = 'model.safetensors.index.json';

/** What the mutator knows of a sound checkpoint. files: name to bytes. */
export function openCheckpointFiles(files) {
  const json = new Map();
  const shards = new Map();
  for (const [name, bytes] of files) {
    if (isTensors(name)) shards.set(name, unpack(bytes));
    else if (name.endsWith('.json')) json.set(name, JSON.parse(bytes.toString()));
  }
  return { files, json, shards };
}

function unpack(bytes) {
  const length = Number(bytes.readBigUInt64LE());
  return { header: JSON.parse(bytes.subarray(8, 8 + length).toString()), data: bytes.subarray(8 + length) };
}

function packed(header, data, length = BigInt(Buffer.byteLength(header))) {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt.asUintN(64, length));
  return Buffer.concat([prefix, Buffer.from(header), data]);
}

/** A change of one file of JSON, or of one that is empty in the sound checkpoint. */
function jsonMutant(name, change) {
  return ({ json }, random) => new Map([[name, Buffer.from(changedJson(json.get(name) ?? {}, change, random))]]);
}

function headerMutant(change) {
  return ({ shards }, random) => {
    const [name, { header, data }] = pick(random, [...shards]);
    return new Map([[name, packed(changedJson(header, change, random), data)]]);
  };
}

/** A change of one tensor's entry. */
function entryMutant(change) {
  return ({ shards }, random) => {
    const [name, { header, data }] = pick(random, [...shards]);
    const copy = structuredClone(header);
    const tensors = Object.keys(copy).filter((key) => key !== '__metadata__');
    change(copy, pick(random, tensors), pick(random, tensors), random);
    return new Map([[name, packed(JSON.stringify(copy), data)]]);
  };
}

const LENGTHS = [0n, 1n, 2n, 7n, 8n, 99_999_999n, 100_000_001n, 1n << 31n, 1n << 32n, 1n << 53n, 1n << 63n, -1n, -8n];
const OFFSETS = [0, 1, 4, 64, 2 ** 31, 2 ** 32, 2 ** 53, -1, -4, 0.5];
const SIDES = [0, 1, 2, 3, 31, 64, 65, 2 ** 16, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -1, -64];
const DTYPES = [
  'F32',
  'F16',
  'BF16',
  'F64',
  'I64',
  'I8',
  'U8',
  'BOOL',
  'F8_E4M3',
  'F8_E5M2',
  'F4',
  'f32',
  '',
  'toString',
];

const ENTRIES = {
  'a type': (header, name, _, random) => (header[name].dtype = pick(random, DTYPES)),
  'a side': (header, name, _, random) => (header[name].shape[random(header[name].shape.length)] = pick(random, SIDES)),
  'a shape turned': (header, name) => header[name].shape.reverse(),
  'a shape of many sides': (header, name) => (header[name].shape = [...header[name].shape, ...Array(5000).fill(1)]),
  'an offset': (header, name, _, random) => (header[name].data_offsets[random(2)] = pick(random, OFFSETS)),
  'an offset moved': (header, name, _, random) =>
    (header[name].data_offsets[random(2)] += pick(random, [-4, -1, 1, 4])),
  'offsets swapped': (header, name) => header[name].data_offsets.reverse(),
  'the range of another': (header, name, other) => (header[name].data_offsets = header[other].data_offsets),
  'the name of another': (header, name, other) => {
    const entry = header[name];
    header[name] = header[other];
    header[other] = entry;
  },
  'a name': (header, name, _, random) => {
    const odd = pick(random, [
      `${name}x`,
      `model.${name}`,
      `x.${name}`,
      '',
      '\u0000',
      '\u001b[31m',
      name.repeat(300),
      '가',
      ' ',
    ]);
    header[odd] = header[name];
    delete header[name];
  },
};

const HEADS = {
  pickle: [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e],
  'pickle 4': [0x80, 0x04, 0x95, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7d],
  zip: [0x50, 0x4b, 0x03, 0x04, 0x00, 0x00, 0x08, 0x08],
  hdf5: [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a],
  gguf: [0x47, 0x47, 0x55, 0x46, 0x03, 0x00, 0x00, 0x00],
};

const SHARDS = {
  'a length': ({ header, data }, random) => packed(JSON.stringify(header), data, pick(random, LENGTHS)),
  'a length moved': ({ header, data }, random) => {
    const text = JSON.stringify(header);
    return packed(text, data, BigInt(text.length + pick(random, [-9, -8, -1, 1, 8, 100])));
  },
  'spaces around the header': ({ header, data }, random) =>
    packed(`${' '.repeat(random(3))}${JSON.stringify(header)}${' '.repeat(random(99))}`, data),
  'less data': ({ header, data }, random) => packed(JSON.stringify(header), data.subarray(0, random(data.length))),
  'more data': ({ header, data }, random) =>
    packed(JSON.stringify(header), Buffer.concat([data, Buffer.alloc(1 + random(64))])),
  'odd weights': ({ header, data }, random) => {
    const copy = Buffer.from(data);
    const at = 4 * random(copy.length / 4 - 64);
    for (let i = 0; i < 64; i++)
      copy.writeFloatLE(pick(random, [Number.NaN, Infinity, 3.4e38, -3.4e38, 1e-45]), at + 4 * i);
    return packed(JSON.stringify(header), copy);
  },
  ...Object.fromEntries(
    Object.entries(HEADS).map(([name, head]) => [name, ({ data }) => Buffer.concat([Buffer.from(head), data])]),
  ),
};

const BYTES = {
  truncated: (bytes, random) => bytes.subarray(0, random(bytes.length)),
  'a bit': (bytes, random) => edited(bytes, (copy) => (copy[near(copy, random)] ^= 1 << random(8))),
  'some bytes': (bytes, random) =>
    edited(bytes, (copy) => {
      const at = near(copy, random);
      for (let i = at; i < Math.min(copy.length, at + 8); i++) copy[i] = random(256);
    }),
  'no UTF-8': (bytes, random) =>
    inserted(bytes, pick(random, [[0xff], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90]]), random),
  'a NUL': (bytes, random) => inserted(bytes, [0], random),
  'a mark of byte order': (bytes) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
  'UTF-16': (bytes) => Buffer.from(bytes.toString(), 'utf16le'),
  'rubbish behind': (bytes, random) =>
    Buffer.concat([bytes, Buffer.from(pick(random, ['}', ',', 'x', '\u0000', '{}']))]),
  empty: () => Buffer.alloc(0),
  'rubbish only': (_, random) => Buffer.from(Array.from({ length: random(99) }, () => random(256))),
  'a web page': () => Buffer.from('<!DOCTYPE html><html><body>Not found</body></html>'),
  'an LFS pointer': () => Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
};

function edited(bytes, change) {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) change(copy);
  return copy;
}

/** A place in the first 20,000 bytes, where headers are. */
const near = (bytes, random) => random(Math.min(bytes.length, 20_000));

function inserted(bytes, some, random) {
  const at = bytes.length === 0 ? 0 : near(bytes, random);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(some), bytes.subarray(at)]);
}

const FILES = {
  'a file missing': ({ files }, random) => new Map([[pick(random, [...files.keys()]), undefined]]),
  'two files swapped': ({ files }, random) => {
    const [[a, one], [b, other]] = [pick(random, [...files]), pick(random, [...files])];
    return new Map([
      [a, other],
      [b, one],
    ]);
  },
  'a file too many': (_, random) =>
    new Map([[pick(random, ['chat_template.jinja', 'processor_config.json', INDEX]), Buffer.from('{"a":1}')]]),
  'only pickle files': ({ files }, random) => {
    const gone = [...files.keys()].filter((name) => isTensors(name) || name === INDEX);
    const pickle = pick(random, ['pytorch_model.bin', 'consolidated.00.pth', 'model.ckpt', 'a.pt']);
    return new Map([...gone.map((name) => [name, undefined]), [pickle, Buffer.from(HEADS.pickle)]]);
  },
};

const JSON_FILES = [
  ...['config.json', 'tokenizer.json', 'generation_config.json', 'preprocessor_config.json', 'special_tokens_map.json'],
  ...['tokenizer_config.json', 'chat_template.json', INDEX],
];
/** These decide most, so they are changed more often. */
const SHARE = { 'config.json': 4, 'tokenizer.json': 3 };

const namedBy = (kind, table, make) =>
  Object.entries(table).map(([name, change]) => [`${kind}: ${name}`, make(change)]);

/** Pairs of a name and what makes the changed files: (checkpoint, random) => Map. */
export const mutators = [
  ...JSON_FILES.flatMap((file) =>
    Array.from({ length: SHARE[file] ?? 1 }).flatMap(() =>
      CHANGE_NAMES.map((change) => [`${file}: ${change}`, jsonMutant(file, change)]),
    ),
  ),
  ...Array.from({ length: 3 }).flatMap(() => CHANGE_NAMES.map((change) => [`header: ${change}`, headerMutant(change)])),
  ...[0, 1].flatMap(() => namedBy('entry', ENTRIES, entryMutant)),
  ...namedBy('shard', SHARDS, (change) => ({ shards }, random) => {
    const [name, shard] = pick(random, [...shards]);
    return new Map([[name, change(shard, random)]]);
  }),
  ...[0, 1].flatMap(() =>
    namedBy('bytes', BYTES, (change) => ({ files }, random) => {
      const [name, bytes] = pick(random, [...files]);
      return new Map([[name, change(bytes, random)]]);
    }),
  ),
  ...namedBy('files', FILES, (change) => change),
];
