import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../lib/chat-message.js';
import { ContextFullError, InvalidArgumentError, IoError } from '../../lib/errors.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { collect } from '../support/collect.js';
import { loadedManager, tinyImages } from '../support/model.js';

const GREEDY = { temperature: 0, maxTokens: 20 };

let manager: ModelManager;
let text: TextGenerator;
let vision: VisionGenerator;
beforeAll(async () => {
  manager = await loadedManager();
  text = new TextGenerator(manager);
  vision = new VisionGenerator(manager);
});
afterAll(() => manager.unloadModel());

const image = (i = 0) => ({ type: 'image' as const, image: tinyImages()[i] as string });
const said = (words: string) => ({ type: 'text' as const, text: words });

/** What says the same must be answered the same. */
async function answers(...calls: PromiseLike<{ response: string; fullResponse: string; inputTokens: number }>[]) {
  const results = await Promise.all(calls);
  return results.map(({ response, fullResponse, inputTokens }) => ({ response, fullResponse, inputTokens }));
}

describe('chatGenerate', () => {
  it('answers one user message as generate does, as a text or as items', async () => {
    const [first, second, third] = await answers(
      text.generate('hello', GREEDY),
      text.chatGenerate([{ role: 'user', content: 'hello' }], GREEDY),
      text.chatGenerate([{ role: 'user', content: [said('hel'), said('lo')] }], GREEDY),
    );
    expect([second, third]).toEqual([first, first]);
    expect(first?.response).not.toBe('');
  });

  it('takes the system message as a message or as an option', async () => {
    const user = { role: 'user', content: 'hello' };
    const [first, second, third, without] = await answers(
      text.generate('hello', { ...GREEDY, systemMessage: 'be brief' }),
      text.chatGenerate([user], { ...GREEDY, systemMessage: 'be brief' }),
      text.chatGenerate([{ role: 'system', content: 'be brief' }, user], GREEDY),
      text.generate('hello', GREEDY),
    );
    expect([second, third]).toEqual([first, first]);
    expect(first?.fullResponse).toContain('be brief');
    expect(without?.fullResponse).not.toContain('be brief');
  });

  it('shows the model every turn, in order', async () => {
    const messages = ['one', 'two', 'three', 'four', 'five'].map((content, i) => ({
      ...{ role: i % 2 === 0 ? 'user' : 'assistant', content },
    }));
    const { fullResponse, inputTokens } = await text.chatGenerate(messages, GREEDY);
    expect(fullResponse).toMatch(/user.*one.*assistant.*two.*user.*three.*assistant.*four.*user.*five.*assistant/s);
    const { processor } = manager.requireModel();
    expect(inputTokens).toBe(processor.tokenize(processor.applyChatTemplate(messages)).length);
  });

  it('answers about an image as generateWithImage does', async () => {
    for (const [i] of tinyImages().entries()) {
      const content = [image(i), said('What?')];
      const [first, second] = await answers(
        vision.generateWithImage(image(i).image, 'What?', GREEDY),
        text.chatGenerate([{ role: 'user', content }], GREEDY),
      );
      expect(second).toEqual(first);
    }
  });

  it('tells the sizes of all images, in the order of the messages', async () => {
    const alone = await Promise.all([0, 2].map((i) => vision.generateWithImage(image(i).image, 'x', { maxTokens: 1 })));
    const messages: ChatMessage[] = [
      { role: 'user', content: [image(0), said('x')] },
      { role: 'assistant', content: 'y' },
      { role: 'user', content: [said('and'), image(2)] },
    ];
    const { imageSizes } = await text.chatGenerate(messages, { maxTokens: 1 });
    expect(imageSizes).toEqual(alone.map(({ imageSize }) => imageSize));
    expect(imageSizes[0]).not.toEqual(imageSizes[1]);
  });

  it('sees which picture stands where', async () => {
    const about = (a: number, b: number) => {
      const content = [image(a), said('and'), image(b), said('?')];
      return text.chatGenerate([{ role: 'user', content }], GREEDY);
    };
    const [ab, ba, again] = await answers(about(0, 3), about(3, 0), about(0, 3));
    expect(again).toEqual(ab);
    expect(ba?.response).not.toBe(ab?.response);
  });

  it('streams what it answers about images', async () => {
    const generation = text.chatGenerate([{ role: 'user', content: [image(), said('What?')] }], GREEDY);
    const pieces = await collect(generation);
    expect(pieces.join('')).toBe((await generation).response);
  });

  it('refuses more images than the model was loaded for, before it reads any', async () => {
    const content = new Array(5).fill({ type: 'image', image: '/nowhere.png' });
    const call = text.chatGenerate([{ role: 'user', content }], GREEDY);
    await expect(call).rejects.toThrow(ContextFullError);
    await expect(call).rejects.toThrow(/5 images.*loaded for 4.*maxImages/);
    expect(manager.requireModel().info.maxImages).toBe(4);
  });

  const user: ChatMessage = { role: 'user', content: 'x' };
  const refused: [string, unknown, object?][] = [
    ['no messages', undefined],
    ['an empty array', []],
    ['a text', 'hello'],
    ['a message that is none', [null]],
    ['a hole', Object.assign(new Array(3), { 0: user, 2: user })],
    ['no role', [{ content: 'x' }]],
    ['a role with a control token', [{ role: '<|eot_id|>', content: 'x' }]],
    ['content that is a number', [{ role: 'user', content: 5 }]],
    ['an item of another type', [{ role: 'user', content: [{ type: 'audio' }] }]],
    ['a hole in the items', [{ role: 'user', content: new Array(2) }]],
    ['an image item without an image', [{ role: 'user', content: [{ type: 'image' }] }]],
    ['two system messages', [{ role: 'system', content: 'a' }, user], { systemMessage: 'b' }],
  ];
  it.each(refused)('refuses %s', async (_, messages, options = {}) => {
    await expect(text.chatGenerate(messages as never, options)).rejects.toBeInstanceOf(InvalidArgumentError);
  });

  it('one image that cannot be read fails the whole', async () => {
    const content = [image(), { type: 'image' as const, image: '/nowhere.png' }];
    await expect(text.chatGenerate([{ role: 'user', content }])).rejects.toBeInstanceOf(IoError);
  });
});
