import { describe, expect, it, vi } from 'vitest';
import { ConversationManager, type ConversationOptions } from '../../lib/conversation-manager.js';
import { CancelledError, InvalidArgumentError, ModelNotLoadedError, TimeoutError } from '../../lib/errors.js';
import { ModelManager } from '../../lib/model-manager.js';
import type { NativeModelInfo } from '../../lib/native/binding.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { collect } from '../support/collect.js';
import { pngFile } from '../support/png.js';
import { scriptedModel } from '../support/scripted-model.js';

const LONG = Array.from({ length: 100 }, (_, i) => `${i} `);
const PICTURE = pngFile(2, 2, 8, 2, new Array(12).fill(200));

function begin(options: ConversationOptions & { info?: Partial<NativeModelInfo>; pieces?: string[] } = {}) {
  const { info, pieces = ['an ', 'answer'], ...own } = options;
  const model = scriptedModel(pieces, info);
  const conversation = new ConversationManager(new TextGenerator(model.manager), own);
  return { ...model, conversation };
}

const texts = (conversation: ConversationManager) => conversation.conversationHistory.map(({ content }) => content);

describe('a conversation', () => {
  it('remembers what was said, and tells it to the model', async () => {
    const { conversation, prompts } = begin();
    const { response, droppedTurns } = await conversation.generateResponse('first');
    expect([response, droppedTurns]).toEqual(['an answer', 0]);
    await conversation.generateResponse('second');
    expect(conversation.conversationHistory).toEqual([
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'an answer' },
      { role: 'user', content: 'second' },
      { role: 'assistant', content: 'an answer' },
    ]);
    expect(prompts()[1]).toMatch(
      /user<.*first<.*assistant<.*an answer<.*user<.*second<.*assistant<\|end_header_id\|>\s*$/s,
    );
  });

  it('streams', async () => {
    const { conversation } = begin({ pieces: LONG });
    const turn = conversation.generateResponse('count');
    expect(await collect(turn)).toEqual(LONG);
    expect((await turn).response).toBe(LONG.join(''));
    expect(texts(conversation)).toEqual(['count', LONG.join('')]);
  });

  it('puts the system message before every turn, that of a call before its own', async () => {
    const { conversation, prompts } = begin();
    conversation.setSystemMessage('be brief');
    await conversation.generateResponse('a');
    await conversation.generateResponse('b', { systemMessage: 'be long' });
    await conversation.generateResponse('c', { systemMessage: '' });
    conversation.setSystemMessage(null);
    await conversation.generateResponse('d');
    const systems = prompts().map((prompt) => /system<.*?>\s*(.*?)</s.exec(prompt)?.[1]);
    expect(systems).toEqual(['be brief', 'be long', undefined, undefined]);
    expect(conversation.systemMessage).toBeNull();
  });

  it('sums itself up', async () => {
    const { conversation } = begin();
    expect(conversation.getHistorySummary()).toEqual({
      ...{ totalMessages: 0, userMessages: 0, assistantMessages: 0, systemMessage: null, latestMessages: [] },
    });
    conversation.setSystemMessage('be brief');
    for (const input of ['a', 'b', 'c']) await conversation.generateResponse(input);
    const { latestMessages, ...counts } = conversation.getHistorySummary();
    expect(counts).toEqual({ totalMessages: 6, userMessages: 3, assistantMessages: 3, systemMessage: 'be brief' });
    expect(latestMessages.map(({ content }) => content)).toEqual(['b', 'an answer', 'c', 'an answer']);
  });

  it('gives a copy of its history, with messages that cannot be changed', async () => {
    const { conversation } = begin();
    await conversation.generateResponse([{ type: 'text', text: 'a' }]);
    const history = conversation.conversationHistory as unknown as { content: unknown }[];
    history.pop();
    expect(conversation.conversationHistory).toHaveLength(2);
    expect(() => Object.assign(history[0] as object, { content: 'forged' })).toThrow(TypeError);
    const content = history[0]?.content;
    expect(content).toEqual([{ type: 'text', text: 'a' }]);
    expect(() => Array.prototype.push.call(content, 'forged')).toThrow(TypeError);
  });

  it('takes pictures, reads each once, and shows them to later turns', async () => {
    const { conversation, native } = begin();
    const bytes = Uint8Array.from(PICTURE);
    await conversation.generateResponse([
      { type: 'image', image: bytes },
      { type: 'text', text: 'what is it?' },
    ]);
    bytes.fill(0);
    await conversation.generateResponse('and now?');
    expect(native.requests.map(({ images }) => images.length)).toEqual([1, 1]);
    expect(native.requests[0]?.images[0]?.key).toBe(native.requests[1]?.images[0]?.key);
    expect(conversation.conversationHistory[0]?.content).toEqual([
      { type: 'image', image: PICTURE },
      { type: 'text', text: 'what is it?' },
    ]);
  });
});

describe('a turn that does not end well', () => {
  const failing: [string, (turn: ReturnType<ConversationManager['generateResponse']>, fail: () => void) => unknown][] =
    [
      ['fails', (_, fail) => fail()],
      ['is cancelled', (turn) => turn.cancel()],
      ['is left', (turn) => turn[Symbol.asyncIterator]().return?.()],
    ];
  it.each(failing)('leaves the history as it was when it %s', async (_, end) => {
    const { conversation, native } = begin();
    await conversation.generateResponse('a');
    native.pieces = LONG;
    const before = conversation.conversationHistory;
    const turn = conversation.generateResponse('b');
    await vi.waitFor(() => expect(turn.text).not.toBe(''), { interval: 1 });
    end(turn, () => native.fail('ERR_BACKEND'));
    await expect(turn).rejects.toThrow();
    expect(conversation.conversationHistory).toEqual(before);
    native.pieces = ['well'];
    await conversation.generateResponse('c');
    expect(texts(conversation)).toEqual(['a', 'an answer', 'c', 'well']);
  });

  it('leaves it after an abort before the start, and after a timeout', async () => {
    const { conversation, native } = begin({ pieces: LONG });
    await expect(conversation.generateResponse('a', { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(native.requests).toEqual([]);
    const late = conversation.generateResponse('b', { timeout: 20 });
    await late.settled;
    await expect(late).rejects.toBeInstanceOf(TimeoutError);
    expect(conversation.conversationHistory).toEqual([]);
  });
});

describe('turns that overlap', () => {
  it('answer one after another, in the order of the calls', async () => {
    const { conversation, prompts } = begin();
    await Promise.all(['a', 'b', 'c'].map((input) => conversation.generateResponse(input)));
    expect(texts(conversation)).toEqual(['a', 'an answer', 'b', 'an answer', 'c', 'an answer']);
    expect(prompts()[2]).toMatch(/a<.*b<.*c</s);
  });

  it('may be begun and awaited inside the loop over another', async () => {
    const { conversation } = begin({ pieces: LONG });
    let inner: string | undefined;
    for await (const _ of conversation.generateResponse('outer')) {
      inner ??= (await conversation.generateResponse('inner')).response;
    }
    expect(inner).toBe(LONG.join(''));
    expect(texts(conversation).filter((_, i) => i % 2 === 0)).toEqual(['outer', 'inner']);
  });

  it('go on after one that failed, also behind one that was cancelled while it waited', async () => {
    const { conversation, native } = begin({ pieces: LONG });
    const first = conversation.generateResponse('first', { maxTokens: 90 });
    const second = conversation.generateResponse('second');
    const third = conversation.generateResponse('third', { maxTokens: 3 });
    second.cancel();
    await expect(second).rejects.toBeInstanceOf(CancelledError);
    await Promise.all([first, third]);
    expect(native.requests.map(({ maxTokens }) => maxTokens)).toEqual([90, 3]);
    expect(texts(conversation)).toEqual(['first', LONG.slice(0, 90).join(''), 'third', '0 1 2 ']);
  });

  it('a turn keeps the system message and the input with which it was called', async () => {
    const { conversation, prompts } = begin();
    const input = [{ type: 'text' as const, text: 'early' }];
    const first = conversation.generateResponse('before');
    const second = conversation.generateResponse(input);
    conversation.setSystemMessage('too late');
    input[0] = { type: 'text', text: 'changed' };
    await Promise.all([first, second]);
    expect(prompts()[1]).toMatch(/early/);
    expect(prompts().join()).not.toMatch(/too late|changed/);
  });

  it('is not remembered when the history was cleared meanwhile', async () => {
    const { conversation } = begin();
    const turn = conversation.generateResponse('before');
    conversation.clearHistory();
    const next = conversation.generateResponse('after');
    expect((await turn).response).toBe('an answer');
    await next;
    expect(texts(conversation)).toEqual(['after', 'an answer']);
  });
});

describe('making room', () => {
  it('remembers maxHistory turns', async () => {
    const { conversation, prompts } = begin({ maxHistory: 2 });
    const dropped: number[] = [];
    for (const input of ['a', 'b', 'c', 'd']) dropped.push((await conversation.generateResponse(input)).droppedTurns);
    expect(dropped).toEqual([0, 0, 1, 1]);
    expect(texts(conversation)).toEqual(['c', 'an answer', 'd', 'an answer']);
    expect(prompts()[3]).toMatch(/b<.*c<.*d</s);
    expect(prompts()[3]).not.toMatch(/a</);
  });

  const words = (count: number, word: string) => new Array(count).fill(word).join(' ');

  it('drops the fewest of the oldest turns until prompt and maxTokens fit the context', async () => {
    const { conversation, prompts, manager } = begin({ info: { contextSize: 200 } });
    conversation.setSystemMessage('be brief');
    for (const word of ['a', 'b', 'c']) await conversation.generateResponse(words(30, word), { maxTokens: 50 });
    const { droppedTurns } = await conversation.generateResponse(words(30, 'd'), { maxTokens: 60 });
    const { processor } = manager.requireModel();
    const tokens = (first: string[]) => {
      const turns = first.flatMap((word) => [
        { role: 'user', content: words(30, word) },
        { role: 'assistant', content: 'an answer' },
      ]);
      const messages = [{ role: 'system', content: 'be brief' }, ...turns, { role: 'user', content: words(30, 'd') }];
      return processor.tokenize(processor.applyChatTemplate(messages)).length;
    };
    const [all, some, few] = [tokens(['a', 'b', 'c']), tokens(['b', 'c']), tokens(['c'])];
    const kept = [all, some, few].findIndex((count) => count + 60 <= 200);
    expect(kept).toBeGreaterThan(0);
    expect(droppedTurns).toBe(kept);
    expect(texts(conversation)[0]).toBe(words(30, 'abc'.charAt(kept)));
    expect(prompts()[3]).toMatch(/be brief/);
    expect(prompts()[3]).toContain(words(30, 'd'));
    expect(prompts()[3]).not.toContain('a a');
  });

  it('counts what fits exactly as fitting', async () => {
    const { conversation, manager } = begin();
    await conversation.generateResponse('a');
    const { processor } = manager.requireModel();
    const messages = [...conversation.conversationHistory, { role: 'user', content: 'b' }];
    const maxTokens = 1000 - processor.tokenize(processor.applyChatTemplate(messages)).length;
    expect((await conversation.generateResponse('b', { maxTokens })).droppedTurns).toBe(0);
    conversation.clearHistory();
    await conversation.generateResponse('a');
    expect((await conversation.generateResponse('b', { maxTokens: maxTokens + 1 })).droppedTurns).toBe(1);
  });

  it('drops turns until the pictures fit, each turn whole', async () => {
    const { conversation, native } = begin({ info: { maxImages: 2 } });
    const look = (text: string) =>
      conversation.generateResponse([
        { type: 'image', image: PICTURE },
        { type: 'text', text },
      ]);
    for (const text of ['one', 'two']) expect((await look(text)).droppedTurns).toBe(0);
    expect((await look('three')).droppedTurns).toBe(1);
    expect(native.requests.map(({ images }) => images.length)).toEqual([1, 2, 2]);
    expect(conversation.conversationHistory).toHaveLength(4);
    expect(conversation.conversationHistory[0]?.content).toContainEqual({ type: 'text', text: 'two' });
  });

  it('does not drop for a turn that then fails', async () => {
    const { conversation, native } = begin({ info: { contextSize: 115 } });
    for (const word of ['a', 'b']) await conversation.generateResponse(word, { maxTokens: 5 });
    const before = conversation.conversationHistory;
    native.pieces = LONG;
    const turn = conversation.generateResponse(words(50, 'c'), { maxTokens: 40 }); // which parks at 32
    await vi.waitFor(() => expect(turn.text).not.toBe(''), { interval: 1 });
    native.fail('ERR_BACKEND');
    await expect(turn).rejects.toThrow('it failed');
    expect(conversation.conversationHistory).toEqual(before);
  });

  it('refuses more pictures in one message than the model takes, with all turns kept', async () => {
    const { conversation } = begin();
    await conversation.generateResponse('a');
    const pictures = new Array(3).fill({ type: 'image', image: PICTURE });
    await expect(conversation.generateResponse(pictures)).rejects.toMatchObject({ code: 'ERR_CONTEXT_FULL' });
    expect(texts(conversation)).toEqual(['a', 'an answer']);
  });
});

describe('misuse', () => {
  const refused: [string, (conversation: ConversationManager) => unknown][] = [
    ['an empty input', (c) => c.generateResponse('')],
    ['white space', (c) => c.generateResponse(' \n')],
    ['no input', (c) => c.generateResponse(undefined as never)],
    ['no items', (c) => c.generateResponse([])],
    ['an empty text item', (c) => c.generateResponse([{ type: 'text', text: ' ' }])],
    ['an image item without an image', (c) => c.generateResponse([{ type: 'image' }])],
    ['an item that is none', (c) => c.generateResponse([undefined as never])],
    ['a hole in the items', (c) => c.generateResponse(new Array(1) as never)],
    ['an image that is none', (c) => c.generateResponse([{ type: 'image', image: 5 as never }])],
    ['temperature 3', (c) => c.generateResponse('x', { temperature: 3 })],
    ['an unknown option', (c) => c.generateResponse('x', { maxToken: 3 } as never)],
    ['options that are none', (c) => c.generateResponse('x', 5 as never)],
  ];
  it.each(refused)('%s is refused without waiting for other turns', async (_, call) => {
    const { conversation, native } = begin({ pieces: LONG });
    const first = conversation.generateResponse('first');
    await vi.waitFor(() => expect(first.text).not.toBe(''), { interval: 1 });
    await expect(call(conversation)).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(native.running.size).toBe(1);
    await first;
    expect(conversation.conversationHistory).toHaveLength(2);
  });

  it.each([0, -1, 1.5, Number.NaN, 1001, '10', null])('maxHistory %s is refused', (maxHistory) => {
    expect(() => begin({ maxHistory: maxHistory as number })).toThrow(InvalidArgumentError);
  });

  it('refuses what is no generator, no text, no option, and rejects without a model', async () => {
    const { conversation, manager } = begin();
    expect(() => new ConversationManager({} as never)).toThrow(/a TextGenerator for textGenerator/);
    expect(() => new ConversationManager(new TextGenerator(manager), { history: 5 } as never)).toThrow(
      /Unknown option/,
    );
    expect(() => conversation.setSystemMessage(5 as never)).toThrow(InvalidArgumentError);
    const without = new ConversationManager(new TextGenerator(new ModelManager()));
    await expect(without.generateResponse('x')).rejects.toBeInstanceOf(ModelNotLoadedError);
  });
});
