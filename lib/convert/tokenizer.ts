import { ModelFormatError, ModelUnsupportedError } from '../errors.js';
import type { Checkpoint } from './checkpoint.js';
import { excerpt, isObject, type JsonReader } from './json.js';

/** What the file says about the tokenizer. */
export interface Tokenizer {
  /** llama.cpp's name of the pre-tokenizer. */
  pre: 'llama-bpe' | 'smaug-bpe';
  /** By id, without a gap. */
  tokens: string[];
  types: TokenType[];
  /** "left right" */
  merges: string[];
  bosId: number;
  eosId: number;
  paddingId: number;
  /** Every id that ends a generation, ascending. */
  stopIds: number[];
  addBos: boolean;
}

/** llama.cpp's numbers. */
export enum TokenType {
  normal = 1,
  control = 3,
  userDefined = 4,
}

/** How Llama 3 splits text into words before BPE. */
const LLAMA3_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Tokens that end a turn whatever the config lists: checkpoints are known that name only the first. */
const TURN_ENDS = ['<|end_of_text|>', '<|eom_id|>', '<|eot_id|>'];

/** Reads and checks the tokenizer. Only Llama 3's byte-level BPE is understood; `imageTokenId` must be a special token. */
export function readTokenizer(checkpoint: Checkpoint, vocabSize: number, imageTokenId: number): Tokenizer {
  const file = checkpoint.tokenizer;
  const model = file.child('model');
  checkKind(file, model);
  const { tokens, types } = readTokens(file, model);
  if (tokens.length < vocabSize) {
    throw new ModelFormatError(`tokenizer.json has ${tokens.length} tokens; vocab_size is ${vocabSize}`);
  }
  if (types[imageTokenId] !== TokenType.control) {
    throw new ModelFormatError(`tokenizer.json has no special token with the id ${imageTokenId} of the image token`);
  }
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const special = specialIds(checkpoint, ids, tokens.length);
  return {
    // The same pattern in both; llama-bpe also takes a word that is a token whole, without merging.
    pre: model.boolean('ignore_merges', false) ? 'llama-bpe' : 'smaug-bpe',
    tokens,
    types,
    merges: readMerges(model),
    ...special,
    addBos: addsBos(checkpoint, tokens[special.bosId] as string),
  };
}

function checkKind(file: JsonReader, model: JsonReader): void {
  const refuse = (what: string) =>
    new ModelUnsupportedError(`tokenizer.json has ${what}; only the byte-level BPE of Llama 3 is supported`);
  const type = model.text('type', 'BPE');
  if (type !== 'BPE') {
    throw refuse(`a model of type ${excerpt(type)}`);
  }
  for (const key of ['dropout', 'continuing_subword_prefix', 'end_of_word_suffix', 'byte_fallback', 'fuse_unk']) {
    if (model.value(key)) {
      throw refuse(`${key} ${excerpt(model.value(key))}`);
    }
  }
  if (file.value('normalizer') !== undefined) {
    throw refuse('a normalizer');
  }
  const pre = file.child('pre_tokenizer');
  const steps = pre.value('type') === 'Sequence' ? pre.value('pretokenizers') : undefined;
  const [split, bytes, ...others] = Array.isArray(steps) ? steps : [];
  if (
    !isObject(split) ||
    !isObject(bytes) ||
    others.length > 0 ||
    split.type !== 'Split' ||
    bytes.type !== 'ByteLevel'
  ) {
    throw refuse('a pre-tokenizer other than Split and ByteLevel');
  }
  const pattern = isObject(split.pattern) ? split.pattern.Regex : undefined;
  if (pattern !== LLAMA3_PATTERN || split.behavior !== 'Isolated' || split.invert === true) {
    throw refuse(`the pre-tokenizer pattern ${excerpt(pattern)}`);
  }
  if (bytes.add_prefix_space === true || bytes.use_regex === true) {
    throw refuse('a ByteLevel step that adds a space or splits again');
  }
}

function readTokens(file: JsonReader, model: JsonReader): { tokens: string[]; types: TokenType[] } {
  const byId = new Map<number, { text: string; type: TokenType }>();
  const add = (id: unknown, text: unknown, type: TokenType) => {
    if (!Number.isSafeInteger(id) || (id as number) < 0 || typeof text !== 'string') {
      throw new ModelFormatError(`tokenizer.json gives the token ${excerpt(text)} the id ${excerpt(id)}`);
    }
    const other = byId.get(id as number);
    if (other !== undefined && other.text !== text) {
      throw new ModelFormatError(`tokenizer.json gives the id ${id} to ${excerpt(other.text)} and to ${excerpt(text)}`);
    }
    byId.set(id as number, { text, type });
  };
  for (const [text, id] of Object.entries(model.child('vocab').object)) {
    add(id, text, TokenType.normal);
  }
  const added = file.value('added_tokens') ?? [];
  if (!Array.isArray(added) || !added.every(isObject)) {
    throw file.wrong('added_tokens', added, 'an array of objects');
  }
  for (const token of added) {
    add(token.id, token.content, token.special === true ? TokenType.control : TokenType.userDefined);
  }

  const ordered = Array.from({ length: byId.size }, (_, id) => {
    const token = byId.get(id);
    if (token === undefined) {
      throw new ModelFormatError(`tokenizer.json has ${byId.size} tokens but none with the id ${id}`);
    }
    return token;
  });
  return { tokens: ordered.map(({ text }) => text), types: ordered.map(({ type }) => type) };
}

/** Old files write a merge as "left right", new ones as ["left", "right"]. */
function readMerges(model: JsonReader): string[] {
  const merges = model.value('merges') ?? [];
  if (!Array.isArray(merges)) {
    throw model.wrong('merges', merges, 'an array');
  }
  return merges.map((merge: unknown) => {
    const parts = typeof merge === 'string' ? merge.split(' ') : merge;
    const isPart = (part: unknown) => typeof part === 'string' && part !== '' && !part.includes(' ');
    if (!Array.isArray(parts) || parts.length !== 2 || !parts.every(isPart)) {
      throw model.wrong('merges', merge, 'of two parts without spaces');
    }
    return parts.join(' ');
  });
}

function specialIds(checkpoint: Checkpoint, ids: ReadonlyMap<string, number>, tokenCount: number) {
  const { config, generationConfig } = checkpoint;
  const configs = [generationConfig, config.child('text_config'), config];
  /** Ids that configs list; those outside of the vocabulary can never be produced. */
  const listed = (key: string): number[] =>
    configs
      .flatMap((file) => file.value(key))
      .filter((id): id is number => Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < tokenCount);
  /** The tokenizer's own token comes first: it is what the chat template and the prompts are made of. */
  const candidates = (role: 'bos' | 'eos' | 'pad'): number[] => [
    ...[checkpoint.specialTokensMap, checkpoint.tokenizerConfig]
      .map((file) => ids.get(tokenText(file, `${role}_token`) ?? ''))
      .filter((id) => id !== undefined),
    ...listed(`${role}_token_id`),
  ];
  const turnEnds = TURN_ENDS.map((text) => ids.get(text)).filter((id) => id !== undefined);

  const bosId = candidates('bos')[0] ?? ids.get('<|begin_of_text|>');
  const stops = [...candidates('eos'), ...turnEnds];
  const [eosId] = stops;
  if (bosId === undefined || eosId === undefined) {
    throw new ModelFormatError(
      `The checkpoint names no ${bosId === undefined ? 'bos' : 'eos'} token of its vocabulary`,
    );
  }
  const stopIds = [...new Set(stops)].sort((a, b) => a - b);
  return { bosId, eosId, paddingId: candidates('pad')[0] ?? eosId, stopIds };
}

/** A special token's text, which is stored plain or as { content }. */
function tokenText(file: JsonReader, key: string): string | undefined {
  const value = file.value(key);
  const text = isObject(value) ? value.content : value;
  return typeof text === 'string' ? text : undefined;
}

/** Whether plain text gets a BOS: what the post-processor does; where there is none, what tokenizer_config.json says. */
function addsBos({ tokenizer, tokenizerConfig }: Checkpoint, bos: string): boolean {
  const root = tokenizer.value('post_processor');
  const steps = isObject(root) && root.type === 'Sequence' && Array.isArray(root.processors) ? root.processors : [root];
  const template = steps.find((step: unknown) => isObject(step) && step.type === 'TemplateProcessing');
  if (!isObject(template) || !Array.isArray(template.single)) {
    return tokenizerConfig.boolean('add_bos_token', false);
  }
  const first: unknown = template.single[0];
  return isObject(first) && isObject(first.SpecialToken) && first.SpecialToken.id === bos;
}
