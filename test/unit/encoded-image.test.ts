import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConversationManager } from '../../lib/conversation-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { type ScriptedModel, scriptedModel } from '../support/scripted-model.js';

// What must be seen at an exact moment; test/addon/encoded-image.test.ts has the rest.

const PICTURE = join(import.meta.dirname, '..', 'fixtures', 'endless', 'picture.png');

let model: ScriptedModel;
let vision: VisionGenerator;
beforeEach(() => {
  model = scriptedModel(['yes']);
  vision = new VisionGenerator(model.manager);
});
afterEach(() => vi.restoreAllMocks());

const released = () => model.native.calls.filter((call) => call.startsWith('release'));

describe('an encoded image', () => {
  it('is decoded, cut and hashed once, and sent as it was encoded', async () => {
    const { processor } = model.manager.requireModel();
    const prepare = vi.spyOn(processor, 'prepareImage');
    const read = vi.spyOn(processor, 'readImage');
    const encode = vi.spyOn(model.native, 'encodeImage');
    const image = await vision.encodeImage(PICTURE);
    expect(image).toMatchObject({ tiles: 1, encodeTime: 0.25 });
    const text = new TextGenerator(model.manager);
    await vision.describeImage(image);
    await vision.batchAnalyzeImages([image, image], 'What?');
    await text.chatGenerate([{ role: 'user', content: [{ type: 'image', image }] }]);
    expect([prepare.mock.calls.length, read.mock.calls.length]).toEqual([1, 1]);
    const [, sent] = encode.mock.calls[0] as unknown as [number, object];
    expect(model.native.requests.map(({ images }) => images)).toEqual([[sent], [sent], [sent], [sent]]);
  });

  it('is read and cut once for all turns of a conversation, which cuts it itself when it is released', async () => {
    const { processor } = model.manager.requireModel();
    const prepare = vi.spyOn(processor, 'prepareImage');
    const read = vi.spyOn(processor, 'readImage');
    const image = await vision.encodeImage(PICTURE);
    const conversation = new ConversationManager(new TextGenerator(model.manager));
    await conversation.generateResponse([{ type: 'image', image }]);
    await conversation.generateResponse('and?');
    expect([prepare.mock.calls.length, read.mock.calls.length]).toEqual([1, 1]);
    await image.release();
    await conversation.generateResponse('and?');
    expect([prepare.mock.calls.length, read.mock.calls.length]).toEqual([2, 1]);
    const [first, , last] = model.native.requests.map(({ images }) => images);
    expect(last).toEqual(first);
  });

  it('is let go once, however often it is released', async () => {
    const image = await vision.encodeImage(PICTURE);
    await Promise.all([image.release(), image.release()]);
    await image.release();
    expect(released()).toHaveLength(1);
  });

  it('is released without a word when the engine is closed', async () => {
    const image = await vision.encodeImage(PICTURE);
    model.manager.requireModel().engine.close();
    await expect(image.release()).resolves.toBeUndefined();
    expect(released()).toEqual([]);
  });

  it('is let go when its caller gave up while the engine had kept it already', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const { emit } = model.native;
    const encode = vi.spyOn(model.native, 'encodeImage').mockImplementation((id: number) => {
      setImmediate(() => {
        controller.abort(reason); // on its way, as the event is
        emit([{ kind: 'encoded', id, encodeTime: 1 }]);
      });
    });
    await expect(vision.encodeImage(PICTURE, { signal: controller.signal })).rejects.toBe(reason);
    expect(released()).toEqual([`release ${encode.mock.calls[0]?.[0]}`]);
  });

  it('fails as the engine says, and holds nothing then', async () => {
    vi.spyOn(model.native, 'encodeImage').mockImplementation((id: number) => {
      setImmediate(() => model.native.emit([{ kind: 'error', id, code: 'ERR_CONTEXT_FULL', message: 'no room' }]));
    });
    await expect(vision.encodeImage(PICTURE)).rejects.toMatchObject({ code: 'ERR_CONTEXT_FULL', message: 'no room' });
    expect(released()).toEqual([]);
  });
});

it('a picture that is refused beside one that cannot be read leaves no rejection behind', async () => {
  const image = await vision.encodeImage(PICTURE);
  await image.release();
  const content = ['/nowhere.png', image].map((source) => ({ type: 'image' as const, image: source }));
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  await expect(new TextGenerator(model.manager).chatGenerate([{ role: 'user', content }])).rejects.toThrow();
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
