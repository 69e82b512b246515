// Tokenizers for random checkpoints: Llama 3's own, read from the vocabulary that vendor/llama.cpp brings, or one token
// for each byte.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const LLAMA3 = fileURLToPath(new URL('../../vendor/llama.cpp/models/ggml-vocab-llama-bpe.gguf', import.meta.url));

/** Control tokens of Llama 3.2 by their number after <|begin_of_text|>; the gaps are reserved. */
const CONTROL = new Map([
  [0, '<|begin_of_text|>'],
  [1, '<|end_of_text|>'],
  [4, '<|finetune_right_pad_id|>'],
  [6, '<|start_header_id|>'],
  [7, '<|end_header_id|>'],
  [8, '<|eom_id|>'],
  [9, '<|eot_id|>'],
]);

function controlTokens(count) {
  let reserved = 0;
  return Array.from({ length: count }, (_, i) => CONTROL.get(i) ?? `<|reserved_special_token_${reserved++}|>`);
}

/** @returns {{ vocabSize: number, tokens: string[], control: string[], merges: string[] }} control: the image token too */
export function readTokenizer(kind) {
  const { tokens, merges, controls } = kind === 'llama3' ? llama3() : bytes();
  const control = controlTokens(controls);
  return { vocabSize: tokens.length + controls, tokens, control: [...control, '<|image|>'], merges };
}

/** GPT-2's printable stand-ins of the 256 bytes. */
function bytes() {
  const isPlain = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  const tokens = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPlain(byte) ? byte : next++));
  return { tokens, merges: [], controls: 16 };
}

function llama3() {
  const arrays = readStringArrays(LLAMA3, ['tokenizer.ggml.tokens', 'tokenizer.ggml.merges']);
  const all = arrays.get('tokenizer.ggml.tokens');
  const begin = all.indexOf('<|begin_of_text|>');
  return {
    tokens: all.slice(0, begin),
    merges: arrays.get('tokenizer.ggml.merges'),
    controls: all.length - begin,
  };
}

const STRING = 8;
const ARRAY = 9;
const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/** Arrays of strings out of the metadata of a GGUF file. */
function readStringArrays(path, keys) {
  const file = readFileSync(path);
  let at = 24;
  const take = (length) => {
    at += length;
    return file.subarray(at - length, at);
  };
  const u32 = () => take(4).readUInt32LE();
  const u64 = () => Number(take(8).readBigUInt64LE());
  const string = () => take(u64()).toString('utf8');
  const value = (type) => {
    if (type === STRING) return string();
    if (type === ARRAY) {
      const [element, count] = [u32(), u64()];
      return Array.from({ length: count }, () => value(element));
    }
    return take(SIZES[type]);
  };
  const found = new Map();
  for (let left = Number(file.readBigUInt64LE(16)); left > 0; left--) {
    const key = string();
    const read = value(u32());
    if (keys.includes(key)) found.set(key, read);
  }
  return found;
}

/** tokenizer.json */
export function tokenizerJson({ tokens, control, merges }) {
  const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const bos = { SpecialToken: { id: control[0], type_id: 0 } };
  return {
    version: '1.0',
    added_tokens: control.map((content, i) => ({ id: tokens.length + i, content, ...special })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: PATTERN }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: { type: 'TemplateProcessing', single: [bos, { Sequence: { id: 'A', type_id: 0 } }] },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, fuse_unk: false, byte_fallback: false, ignore_merges: true },
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
