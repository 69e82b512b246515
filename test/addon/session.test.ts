import { copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConversationManager } from '../../lib/conversation-manager.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { endless, loadedManager, temporaryFolder, tinyImages, tinyModel } from '../support/model.js';

const GREEDY = { temperature: 0, maxTokens: 12 };
const file = (name: string) => join(temporaryFolder(), `${name}.session`);
const image = tinyImages()[0] as string;
const DOCUMENT = 'a long document '.repeat(20);

/** A manager for the time of one function. */
async function using<T>(work: (manager: ModelManager) => Promise<T>, change?: Parameters<typeof loadedManager>[0]) {
  await using manager = await loadedManager(change);
  return await work(manager);
}

const sayIt = (manager: ModelManager, prompt = DOCUMENT) => new TextGenerator(manager).generate(prompt, GREEDY);
const seeIt = (manager: ModelManager) => new VisionGenerator(manager).generateWithImage(image, DOCUMENT, GREEDY);

/** What the first process says, and leaves in `saved`. */
const saved = file('saved');
let first: { said: string; seen: string; contents: unknown };
beforeAll(async () => {
  first = await using(async (manager) => {
    const [said, seen] = [(await sayIt(manager)).fullResponse, (await seeIt(manager)).fullResponse];
    return { said, seen, contents: await manager.saveSession(saved) };
  });
});

describe('a session', () => {
  it('spares a later manager the images and the beginnings of prompts', async () => {
    expect(first.contents).toEqual({ prompts: 2, tokens: expect.any(Number), images: 1 });
    await using(async (manager) => {
      expect(await manager.loadSession(saved)).toEqual(first.contents);
      const said = await sayIt(manager);
      expect(said.fullResponse).toBe(first.said);
      expect(said.cachedTokens).toBe(said.inputTokens - 1);
      const seen = await seeIt(manager);
      expect(seen.fullResponse).toBe(first.seen);
      expect(seen.cachedTokens).toBe(seen.inputTokens - 1);
      const native = await manager.requireModel().engine.generate({
        ...{ prompt: [{ special: manager.requireModel().info.imageToken }], maxTokens: 1, stop: [], ignoreEos: true },
        images: [await manager.requireModel().processor.prepareImage(image)],
        sampling: {
          ...{ temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, frequencyPenalty: 0 },
          ...{ presencePenalty: 0, penaltyLastN: 0, seed: 0 },
          logitBias: { tokens: new Int32Array(), values: new Float32Array() },
        },
        ...{ grammar: null, logprobs: -1, reusePrompt: true, promptLookup: 0, credit: 9 },
      }).done;
      expect(native.stats.imagesEncoded).toBe(0);
    });
  });

  it('lets a conversation go on where it was', async () => {
    const exported = `${file('talk')}.json`;
    const before = await using(async (manager) => {
      const conversation = new ConversationManager(new TextGenerator(manager));
      const { inputTokens } = await conversation.generateResponse(DOCUMENT, GREEDY);
      await conversation.exportConversation(exported);
      await manager.saveSession(file('talk'));
      return inputTokens;
    });
    await using(async (manager) => {
      await manager.loadSession(file('talk'));
      const conversation = new ConversationManager(new TextGenerator(manager));
      await conversation.importConversation(exported);
      const turn = await conversation.generateResponse('and?', GREEDY);
      expect(turn.cachedTokens).toBeGreaterThanOrEqual(before - 1);
    });
  });

  it('is replaced as a whole', () =>
    using(async (manager) => {
      const target = file('replaced');
      await copyFile(saved, target);
      await sayIt(manager, 'something else');
      expect(await manager.saveSession(target)).toMatchObject({ prompts: 1, images: 0 });
      await manager.clearMemory();
      expect(await manager.loadSession(target)).toMatchObject({ prompts: 1, images: 0 });
    }));

  it('holds what fits, the last used first', () =>
    using(
      async (manager) => {
        const { prompts, tokens, images } = await manager.loadSession(saved);
        expect([prompts, tokens, images]).toEqual([expect.any(Number), 256, 1]);
        expect(prompts).toBeGreaterThan(0);
      },
      ({ hardware }) => Object.assign(hardware, { contextSize: 256, maxImages: 1 }),
    ));

  it('is saved and loaded beside generations', () =>
    using(async (manager) => {
      const { engine } = manager.requireModel();
      const generation = endless({ engine, maxTokens: 300 });
      await generation[Symbol.asyncIterator]().next();
      expect(await manager.loadSession(saved)).toEqual(first.contents);
      expect(await manager.saveSession(file('beside'))).toEqual(first.contents);
      void generation.drain();
      expect((await generation).tokens).toHaveLength(300);
    }));
});

describe('a session that cannot be used', () => {
  const refused = async (target: string, code: string, words: RegExp, change?: Parameters<typeof loadedManager>[0]) =>
    using(async (manager) => {
      await expect(manager.loadSession(target)).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
      expect((await sayIt(manager)).cachedTokens).toBe(0);
    }, change);

  it('of another model, type or mode says what differs', async () => {
    const other = await tinyModel('a', 'Q8_0');
    await refused(saved, 'ERR_MODEL_UNSUPPORTED', /another model .* load that one, or save a new session/, (config) => {
      config.model.path = other;
    });
    await refused(saved, 'ERR_MODEL_UNSUPPORTED', /type f16, .* kvCacheType "f16"/, (config) => {
      config.hardware.kvCacheType = 'f32';
    });
    await refused(saved, 'ERR_MODEL_UNSUPPORTED', /crossRowMode "hf"/, (config) => {
      config.model.crossRowMode = 'meta';
    });
  });

  it('damaged or foreign is a ModelFormatError', async () => {
    const cut = file('cut');
    await copyFile(saved, cut);
    await truncate(cut, 2000);
    await refused(cut, 'ERR_MODEL_FORMAT', /truncated/);
    const flipped = file('flipped');
    const bytes = await readFile(saved);
    bytes[bytes.length - 1000] = ~(bytes[bytes.length - 1000] as number);
    await writeFile(flipped, bytes);
    await refused(flipped, 'ERR_MODEL_FORMAT', /checksum|NaN/);
    await refused(await tinyModel(), 'ERR_MODEL_FORMAT', /not a session/);
  });

  it('missing or out of reach is an IoError', async () => {
    await refused(file('none'), 'ERR_IO', /none\.session/);
    await refused(temporaryFolder(), 'ERR_IO', /a directory/);
    await using(async (manager) => {
      await expect(manager.saveSession(join(file('none'), 'x'))).rejects.toMatchObject({ code: 'ERR_IO' });
      await expect(manager.saveSession(temporaryFolder())).rejects.toMatchObject({ code: 'ERR_IO' });
    });
  });

  it('is refused before anything else where the call is wrong', () =>
    using(async (manager) => {
      for (const path of ['', ' ', 'a\0b', 7, null, undefined]) {
        await expect(manager.saveSession(path as string)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
        await expect(manager.loadSession(path as string)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
      }
      const options = { signl: 1 } as object;
      await expect(manager.saveSession(file('x'), options)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
      await expect(manager.loadSession(saved, { signal: {} as AbortSignal })).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
      });
    }));

  it('is left alone by a call that was given up', () =>
    using(async (manager) => {
      const target = file('given-up');
      await copyFile(saved, target);
      const old = await readFile(target);
      await sayIt(manager, 'something else');
      const reason = new Error('enough');
      await expect(manager.saveSession(target, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      // Behind a generation that holds the engine, so that it has not begun.
      const { engine } = manager.requireModel();
      const busy = engine.evaluate({ prompt: [{ text: 'busy '.repeat(20) }], images: [], chunk: 1 });
      const control = new AbortController();
      const calls = [
        manager.saveSession(target, { signal: control.signal }),
        manager.loadSession(saved, { signal: control.signal }),
      ];
      control.abort(reason);
      for (const call of await Promise.allSettled(calls)) expect(call).toMatchObject({ status: 'rejected', reason });
      await busy;
      expect(await readFile(target)).toEqual(old);
      expect((await sayIt(manager)).cachedTokens).toBeLessThan(20); // what both prompts begin with
    }));

  it('fails with the engine', async () => {
    const manager = await loadedManager();
    const { engine } = manager.requireModel();
    const busy = engine.evaluate({ prompt: [{ text: 'busy '.repeat(20) }], images: [], chunk: 1 });
    const calls = Promise.allSettled([busy, manager.saveSession(file('closed')), manager.loadSession(saved)]);
    engine.close();
    for (const call of await calls) expect(call).toMatchObject({ reason: { code: 'ERR_CLOSED' } });
    await expect(manager.saveSession(file('closed'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});
