// A random checkpoint as a folder that does not exist: files are made when they are read. It has the shape of
// `CheckpointFiles` (lib/convert/tensor-source.ts), so the converter can read it.
import { smallFiles } from './configs.mjs';
import { randomBytes } from './random-bytes.mjs';
import { randomTensors } from './tensors.mjs';
import { readTokenizer, tokenizerJson } from './tokenizers.mjs';

/** @param preset one of presets.mjs */
export function randomCheckpoint(preset, seed) {
  const tokenizer = readTokenizer(preset.tokenizer);
  const texts = smallFiles(preset, tokenizer);
  texts.set('tokenizer.json', tokenizerJson(tokenizer));
  const shards = new Map();
  const parts = split(randomTensors(preset, tokenizer.vocabSize), preset.shardBytes);
  const weightMap = {};
  for (const [i, tensors] of parts.entries()) {
    const name = `model-${pad(i + 1)}-of-${pad(parts.length)}.safetensors`;
    shards.set(name, makeShard(tensors, seed));
    for (const tensor of tensors) weightMap[tensor.name] = name;
  }
  const totalSize = [...shards.values()].reduce((sum, { dataBytes }) => sum + dataBytes, 0);
  texts.set('model.safetensors.index.json', { metadata: { total_size: totalSize }, weight_map: weightMap });

  return {
    location: preset.name,
    list: async () => [...texts.keys(), ...shards.keys()],
    readText: async (name) => `${JSON.stringify(texts.get(name), null, 2)}\n`,
    open: async (name) => shards.get(name),
  };
}

const pad = (n) => String(n).padStart(5, '0');
const bytesOf = ({ shape }) => 2 * shape.reduce((product, n) => product * n, 1);

/** Into files of at most so many bytes, in order, as the released checkpoints are. */
function split(tensors, shardBytes) {
  const parts = [[]];
  let size = 0;
  for (const tensor of tensors) {
    if (size > 0 && size + bytesOf(tensor) > shardBytes) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1).push(tensor);
    size += bytesOf(tensor);
  }
  return parts;
}

/** A safetensors file that is made where it is read. */
function makeShard(tensors, seed) {
  const entries = {};
  const places = [];
  let dataBytes = 0;
  for (const tensor of tensors) {
    const begin = dataBytes;
    dataBytes += bytesOf(tensor);
    entries[tensor.name] = { dtype: 'BF16', shape: tensor.shape, data_offsets: [begin, dataBytes] };
    places.push({ tensor, begin, end: dataBytes });
  }
  const header = makeHeader(entries);
  return {
    dataBytes,
    size: header.length + dataBytes,
    async read(offset, length) {
      const result = new Uint8Array(length);
      if (offset < header.length) result.set(header.subarray(offset, offset + length));
      for (const { tensor, begin, end } of places) {
        const from = Math.max(offset, header.length + begin);
        const to = Math.min(offset + length, header.length + end);
        if (from >= to) continue;
        const [first, last] = [from - header.length - begin, to - header.length - begin];
        const even = randomBytes(tensor, seed, first - (first % 2), last + (last % 2) - (first - (first % 2)));
        result.set(even.subarray(first % 2, (first % 2) + to - from), from - offset);
      }
      return result;
    },
    close: async () => {},
  };
}

function makeHeader(entries) {
  const text = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, ...entries }));
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}
