import { expect, test } from 'vitest';
import { openCheckpoint } from '../../lib/convert/checkpoint.js';
import { readTokenizer, TokenType } from '../../lib/convert/tokenizer.js';
import { inMemory, TINY, tinyFiles, tinyTokenizer } from '../support/tiny-checkpoint.js';

const open = (files: Record<string, unknown> = {}) => openCheckpoint(inMemory(tinyFiles({ files })));
const read = async (files: Record<string, unknown> = {}) => readTokenizer(await open(files), TINY.vocab, TINY.vocab);
const changed = (change: (tokenizer: ReturnType<typeof tinyTokenizer>) => void) => {
  const tokenizer = tinyTokenizer();
  change(tokenizer);
  return { 'tokenizer.json': tokenizer };
};
const model = (values: object) => changed((tokenizer) => Object.assign(tokenizer.model, values));

test('tokens come in the order of their ids with their kinds', async () => {
  const { tokens, types, merges } = await read(
    changed(({ added_tokens }) => {
      Object.assign(added_tokens[3] as object, { special: false });
    }),
  );
  expect(tokens).toHaveLength(TINY.vocab + 1);
  expect([tokens[0], tokens[32], tokens[65], tokens[257], tokens[258]]).toEqual([
    'Ā',
    'Ġ',
    'A',
    'the',
    '<|begin_of_text|>',
  ]);
  expect([types[65], types[258], types[261], types[TINY.vocab]]).toEqual([
    TokenType.normal,
    TokenType.control,
    TokenType.userDefined,
    TokenType.control,
  ]);
  expect(merges).toEqual(['t h', 'th e']);
});

test('merges may be pairs', async () => {
  expect(
    (
      await read(
        model({
          merges: [
            ['t', 'h'],
            ['th', 'e'],
          ],
        }),
      )
    ).merges,
  ).toEqual(['t h', 'th e']);
});

test('ignore_merges decides the pre-tokenizer', async () => {
  expect((await read()).pre).toBe('llama-bpe');
  expect((await read(model({ ignore_merges: false }))).pre).toBe('smaug-bpe');
  expect((await read(model({ ignore_merges: undefined }))).pre).toBe('smaug-bpe');
});

test('the stop set joins the configs, the tokenizer and the ends of a turn', async () => {
  const special = { 'special_tokens_map.json': { bos_token: '<|begin_of_text|>', eos_token: '<|eot_id|>' } };
  const { eosId, stopIds } = await read({ ...special, 'generation_config.json': { eos_token_id: [259, 265, 999999] } });
  expect(eosId).toBe(264); // <|eot_id|>
  expect(stopIds).toEqual([259, 263, 264, 265]); // end_of_text, eom_id, eot_id, and the config's own
});

test('ids of the config serve where the tokenizer names no token', async () => {
  const files = {
    'special_tokens_map.json': undefined,
    'generation_config.json': { bos_token_id: 258, eos_token_id: 259, pad_token_id: 260 },
  };
  expect(await read(files)).toMatchObject({ bosId: 258, eosId: 259, paddingId: 260 });
});

test('whether text gets a BOS is read from the post-processor, else from the config', async () => {
  expect((await read()).addBos).toBe(true);
  const without = changed((tokenizer) => {
    tokenizer.post_processor.processors.pop();
  });
  expect((await read(without)).addBos).toBe(false);
  expect((await read({ ...without, 'tokenizer_config.json': { add_bos_token: true } })).addBos).toBe(true);
});

const pre = (index: number, values: object) =>
  changed((tokenizer) => Object.assign(tokenizer.pre_tokenizer.pretokenizers[index] as object, values));

test.each([
  ['a unigram model', model({ type: 'Unigram' }), /model of type "Unigram/],
  ['byte fallback', model({ byte_fallback: true }), /byte_fallback true/],
  [
    'a normalizer',
    changed((tokenizer) => {
      tokenizer.normalizer = { type: 'NFC' };
    }),
    /a normalizer/,
  ],
  ['another pattern', pre(0, { pattern: { Regex: '\\w+' } }), /pattern "\\\\w\+"/],
  ['another split', pre(0, { behavior: 'Removed' }), /pattern/],
  ['a prefix space', pre(1, { add_prefix_space: true }), /adds a space/],
  [
    'a third step',
    changed(({ pre_tokenizer: { pretokenizers } }) => {
      pretokenizers.push(pretokenizers[1] as never);
    }),
    /other than Split and ByteLevel/,
  ],
])('%s is unsupported', async (_, files, message) => {
  await expect(read(files)).rejects.toMatchObject({
    code: 'ERR_MODEL_UNSUPPORTED',
    message: expect.stringMatching(message),
  });
});

test.each([
  [
    'a gap in the ids',
    changed(({ added_tokens }) => {
      added_tokens.splice(3, 1);
    }),
    /none with the id 261/,
  ],
  [
    'an id with two texts',
    changed(({ added_tokens }) => {
      (added_tokens[0] as { id: number }).id = 5;
    }),
    /gives the id 5 to/,
  ],
  [
    'an id that is text',
    changed(({ model: { vocab } }) => {
      Object.assign(vocab, { x: '7' });
    }),
    /the id "7"/,
  ],
  ['a merge of three', model({ merges: ['a b c'] }), /merges is "a b c"/],
  ['a merge with a space inside', model({ merges: [['a b', 'c']] }), /merges/],
  [
    'no image token',
    changed(({ added_tokens }) => {
      added_tokens.pop();
    }),
    /no special token with the id 272/,
  ],
  [
    'an image token that is plain text',
    changed(({ added_tokens }) => {
      (added_tokens.at(-1) as { special: boolean }).special = false;
    }),
    /no special token/,
  ],
  [
    'fewer tokens than logits',
    changed(({ added_tokens }) => {
      added_tokens.length = 2;
    }),
    /has 260 tokens; vocab_size is 272/,
  ],
])('%s is a format error', async (_, files, message) => {
  await expect(read(files)).rejects.toMatchObject({
    code: 'ERR_MODEL_FORMAT',
    message: expect.stringMatching(message),
  });
});

test.each([
  [
    'chat_template.json first',
    { 'chat_template.json': { chat_template: 'json' }, 'chat_template.jinja': 'jinja' },
    'json',
  ],
  [
    'then chat_template.jinja',
    {
      'chat_template.json': undefined,
      'chat_template.jinja': 'jinja',
      'tokenizer_config.json': { chat_template: 'config' },
    },
    'jinja',
  ],
  [
    'then processor_config.json',
    {
      'chat_template.json': undefined,
      'processor_config.json': { chat_template: 'processor' },
      'tokenizer_config.json': { chat_template: 'config' },
    },
    'processor',
  ],
  [
    'then tokenizer_config.json',
    { 'chat_template.json': undefined, 'tokenizer_config.json': { chat_template: 'config' } },
    'config',
  ],
  [
    'the default of several',
    {
      'chat_template.json': undefined,
      'tokenizer_config.json': {
        chat_template: [
          { name: 'tool', template: 't' },
          { name: 'default', template: 'd' },
        ],
      },
    },
    'd',
  ],
  ['none', { 'chat_template.json': undefined }, undefined],
])('the chat template is %s', async (_, files, expected) => {
  expect((await open(files)).chatTemplate).toBe(expected);
});

test.each(['config.json', 'tokenizer.json'])('a checkpoint without %s is refused', async (name) => {
  await expect(open({ [name]: undefined })).rejects.toMatchObject({
    code: 'ERR_MODEL_FORMAT',
    message: expect.stringContaining(`has no ${name}`),
  });
});

test('a file that is not JSON is named', async () => {
  await expect(open({ 'generation_config.json': '{' })).rejects.toThrow(/generation_config\.json is not valid JSON/);
});
