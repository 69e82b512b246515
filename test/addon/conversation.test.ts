import { rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConversationManager } from '../../lib/conversation-manager.js';
import { CancelledError, ContextFullError, ImageDecodeError, IoError } from '../../lib/errors.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { collect } from '../support/collect.js';
import { loadedManager, temporaryFolder, tinyImages } from '../support/model.js';

const CONTEXT = 400;
const GREEDY = { temperature: 0, maxTokens: 20 };

let manager: ModelManager;
let text: TextGenerator;
beforeAll(async () => {
  manager = await loadedManager((config) => Object.assign(config.hardware, { contextSize: CONTEXT, maxImages: 2 }));
  text = new TextGenerator(manager);
});
afterAll(() => manager.unloadModel());

const image = (i = 0) => ({ type: 'image' as const, image: tinyImages()[i] as string });
const said = (words: string) => ({ type: 'text' as const, text: words });

describe('a conversation on the engine', () => {
  it('answers as chatGenerate does with the same messages', async () => {
    const conversation = new ConversationManager(text);
    conversation.setSystemMessage('be brief');
    await conversation.generateResponse([image(), said('What?')], GREEDY);
    const messages = [{ role: 'system', content: 'be brief' }, ...conversation.conversationHistory];
    const expected = await text.chatGenerate([...messages, { role: 'user', content: 'and?' }], GREEDY);
    const turn = conversation.generateResponse('and?', GREEDY);
    const pieces = await collect(turn);
    const { response, fullResponse, imageSizes, droppedTurns } = await turn;
    expect(pieces.join('')).toBe(response);
    expect({ response, fullResponse, imageSizes }).toMatchObject({
      ...{ response: expected.response, fullResponse: expected.fullResponse, imageSizes: expected.imageSizes },
    });
    expect([imageSizes.length, droppedTurns]).toEqual([1, 0]);
  });

  it('computes no turn a second time', async () => {
    const roomy = await loadedManager((config) => Object.assign(config.hardware, { contextSize: 2048 }));
    const conversation = new ConversationManager(new TextGenerator(roomy));
    const first = await conversation.generateResponse([image(), said('many words '.repeat(100))], GREEDY);
    expect(first.inputTokens).toBeGreaterThan(1000);
    expect(first.cachedTokens).toBe(0);
    const second = await conversation.generateResponse('and?', GREEDY);
    // The answer is text in between, and may come back as other tokens.
    expect(second.cachedTokens).toBeGreaterThanOrEqual(first.inputTokens);
    await roomy.clearMemory();
    const third = await conversation.generateResponse('and?', GREEDY);
    expect(third.cachedTokens).toBe(0);
    await roomy.unloadModel();
  });

  it('keeps within the context for as long as it goes on', async () => {
    const conversation = new ConversationManager(text, { maxHistory: 100 });
    conversation.setSystemMessage('be brief');
    let dropped = 0;
    for (let i = 0; i < 15; i++) {
      const result = await conversation.generateResponse(`question ${i} ${'long '.repeat(i % 4)}`, GREEDY);
      expect(result.inputTokens + 20).toBeLessThanOrEqual(CONTEXT);
      expect(result.fullResponse).toContain('be brief');
      expect(result.fullResponse).toContain(`question ${i} `);
      dropped += result.droppedTurns;
      expect(conversation.getHistorySummary().userMessages).toBe(i + 1 - dropped);
    }
    expect(dropped).toBeGreaterThan(3);
    expect(conversation.getHistorySummary().userMessages).toBeGreaterThan(1);
  });

  it('drops no more turns than it must', async () => {
    const conversation = new ConversationManager(text, { maxHistory: 100 });
    const { processor } = manager.requireModel();
    let dropped = 0;
    for (let i = 0; dropped === 0 && i < 20; i++) {
      const before = conversation.conversationHistory;
      const input = `question ${i}`;
      dropped = (await conversation.generateResponse(input, GREEDY)).droppedTurns;
      if (dropped === 0) continue;
      const messages = [...before.slice(2 * (dropped - 1)), { role: 'user', content: input }];
      const withOneMore = processor.tokenize(processor.applyChatTemplate(messages)).length;
      expect(withOneMore + GREEDY.maxTokens).toBeGreaterThan(CONTEXT);
    }
    expect(dropped).toBeGreaterThan(0);
    expect(conversation.conversationHistory.length).toBeGreaterThan(2);
  });

  it('drops turns until the images fit, and encodes each image once', async () => {
    await manager.clearMemory();
    const conversation = new ConversationManager(text);
    const first = await conversation.generateResponse([image(0), said('one')], GREEDY);
    const second = await conversation.generateResponse([image(1), said('two')], GREEDY);
    const third = await conversation.generateResponse([image(2), said('three')], GREEDY);
    expect([first, second, third].map(({ droppedTurns }) => droppedTurns)).toEqual([0, 0, 1]);
    expect([first, second, third].map(({ imageSizes }) => imageSizes.length)).toEqual([1, 2, 2]);
    const again = await conversation.generateResponse('four', GREEDY);
    expect(again.imageSizes).toEqual(third.imageSizes);
    expect(again.imageEncodeTime).toBe(0);
  });

  it('refuses a message that does not fit by itself, and stays as it was', async () => {
    const conversation = new ConversationManager(text);
    await conversation.generateResponse('hello', GREEDY);
    const before = conversation.conversationHistory;
    const long = conversation.generateResponse('word '.repeat(CONTEXT), GREEDY);
    await expect(long).rejects.toBeInstanceOf(ContextFullError);
    const pictures = conversation.generateResponse([image(0), image(1), image(2)], GREEDY);
    await expect(pictures).rejects.toBeInstanceOf(ContextFullError);
    expect(conversation.conversationHistory).toEqual(before);
    expect((await conversation.generateResponse('still there?', GREEDY)).droppedTurns).toBe(0);
  });

  it.each([
    ['a picture that is not there', { type: 'image' as const, image: '/nowhere.png' }, IoError],
    ['a picture that is none', { type: 'image' as const, image: Buffer.from('hello') }, ImageDecodeError],
  ])('refuses %s, and stays as it was', async (_, picture, type) => {
    const conversation = new ConversationManager(text);
    await expect(conversation.generateResponse([picture, said('What?')])).rejects.toBeInstanceOf(type);
    expect(conversation.conversationHistory).toEqual([]);
  });

  it('does not keep the part of an answer that was cancelled', async () => {
    const conversation = new ConversationManager(text);
    const turn = conversation.generateResponse('hello', { ...GREEDY, maxTokens: 200 });
    for await (const _ of turn) break;
    await expect(turn).rejects.toBeInstanceOf(CancelledError);
    expect(conversation.conversationHistory).toEqual([]);
  });

  it('answers overlapping turns in order, as one after another', async () => {
    const inputs = ['one', 'two', 'three'];
    const [together, oneByOne] = [new ConversationManager(text), new ConversationManager(text)];
    const results = await Promise.all(inputs.map((input) => together.generateResponse(input, GREEDY)));
    for (const [i, input] of inputs.entries()) {
      expect((await oneByOne.generateResponse(input, GREEDY)).response).toBe(results[i]?.response);
    }
    expect(together.conversationHistory).toEqual(oneByOne.conversationHistory);
  });

  it('goes on after an import as it would have, without the picture’s file', async () => {
    const picture = join(temporaryFolder(), 'picture.png');
    await copyFile(image().image, picture);
    const conversation = new ConversationManager(text);
    conversation.setSystemMessage('be brief');
    await conversation.generateResponse([{ type: 'image', image: picture }, said('What?')], GREEDY);
    rmSync(picture);
    const file = await conversation.exportConversation(join(temporaryFolder(), 'conversation.json'));
    const other = new ConversationManager(text);
    await other.importConversation(file);
    const [a, b] = [await conversation.generateResponse('and?', GREEDY), await other.generateResponse('and?', GREEDY)];
    expect(b.fullResponse).toBe(a.fullResponse);
    expect(b.imageSizes).toEqual(a.imageSizes);
  });

  it('keeps what a sharp pipeline puts out, upright', async () => {
    const base = sharp({ create: { width: 60, height: 30, channels: 3, background: '#a52' } });
    const tagged = await base.withMetadata({ orientation: 6 }).png().toBuffer();
    const conversation = new ConversationManager(text);
    const first = await conversation.generateResponse([{ type: 'image', image: sharp(tagged) }, said('x')], GREEDY);
    const second = await conversation.generateResponse('y', GREEDY);
    expect(first.imageSizes).toEqual([[30, 60]]);
    expect([second.imageSizes, second.imageEncodeTime]).toEqual([first.imageSizes, 0]);
    await expect(conversation.generateResponse([{ type: 'image', image: sharp(Buffer.from('x')) }])).rejects.toThrow(
      ImageDecodeError,
    );
  });
});
