import { rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConversationManager } from '../../lib/conversation-manager.js';
import { DocumentProcessor } from '../../lib/document-processor.js';
import type { EncodedImage } from '../../lib/encoded-image.js';
import { ContextFullError } from '../../lib/errors.js';
import type { ImageSource } from '../../lib/image/decode.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { loadedManager, temporaryFolder, tinyImages } from '../support/model.js';
import { patient } from '../support/patience.js';

const GREEDY = { temperature: 0, maxTokens: 8 };
const MAX_IMAGES = 2;

let manager: ModelManager;
let vision: VisionGenerator;
const kept: EncodedImage[] = [];

beforeAll(async () => {
  manager = await managed();
  vision = new VisionGenerator(manager);
  return () => manager.unloadModel();
});
afterEach(async () => {
  await Promise.all(kept.splice(0).map((image) => image.release()));
  await manager.clearMemory();
});

const managed = () => loadedManager((config) => Object.assign(config.hardware, { maxImages: MAX_IMAGES }));
const picture = (i = 0) => tinyImages()[i] as string;
/** A picture that no other test has. */
const plain = (background: string, width = 40) =>
  sharp({ create: { width, height: 30, channels: 3, background } })
    .png()
    .toBuffer();

/** An encoded image that the test may forget. */
async function keep(image: ImageSource, signal?: AbortSignal): Promise<EncodedImage> {
  const encoded = await vision.encodeImage(image, { signal });
  kept.push(encoded);
  return encoded;
}

const ask = (image: Parameters<VisionGenerator['generateWithImage']>[0]) =>
  vision.generateWithImage(image, 'What?', GREEDY);

/** A generation about a picture that holds its place until it is drained or cancelled. */
async function parked(image: ImageSource) {
  const { stopTokens } = manager.requireModel().info;
  const logitBias = Object.fromEntries(stopTokens.map((token) => [token, Number.NEGATIVE_INFINITY]));
  const open = vision.generateWithImage(image, 'What?', { temperature: 0, maxTokens: 200, logitBias });
  await open[Symbol.asyncIterator]().next();
  return { open };
}

describe('an encoded image', () => {
  it('is ready before the first question, which is answered as with the image itself', async () => {
    const image = await keep(picture());
    const { width, height } = await sharp(picture()).metadata();
    expect(image).toMatchObject({ width, height, released: false });
    expect(image.tiles).toBeGreaterThanOrEqual(1);
    expect(image.encodeTime).toBeGreaterThan(0);
    const answer = await ask(image);
    expect(answer).toMatchObject({ imageEncodeTime: 0, imageSize: [width, height] });

    await image.release();
    await manager.clearMemory();
    const other = await ask(picture());
    expect(other.imageEncodeTime).toBeGreaterThan(0);
    expect(other.response).toBe(answer.response);
  });

  it('is found by those who pass the image itself', async () => {
    await keep(picture());
    expect((await ask(picture())).imageEncodeTime).toBe(0);
  });

  it('needs its file no more', async () => {
    const file = join(temporaryFolder(), 'gone.png');
    await copyFile(picture(), file);
    const image = await keep(file);
    rmSync(file);
    expect(await ask(image)).toMatchObject({ success: true, imageEncodeTime: 0 });
  });

  it.each<[string, () => Promise<ImageSource>]>([
    ['bytes', () => plain('#123')],
    ['a Blob', async () => new Blob([await plain('#234')])],
    ['a data URL', async () => `data:image/png;base64,${(await plain('#345')).toString('base64')}`],
    ['a sharp instance', async () => sharp(await plain('#456')).resize(20)],
  ])('may come from %s', async (_, source) => {
    const image = await keep(await source());
    expect(image.encodeTime).toBeGreaterThan(0);
    expect((await ask(image)).imageEncodeTime).toBe(0);
  });

  it('is upright', async () => {
    const turned = await sharp(await plain('#567'))
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    expect(await keep(turned)).toMatchObject({ width: 30, height: 40 });
  });

  it('is encoded once for all who want it at the same time', async () => {
    const image = await plain('#678');
    const encoded = Promise.all([keep(image), keep(image), keep(image)]);
    const answers = Promise.all([ask(image), ask(image)]);
    const times = [
      ...(await encoded).map(({ encodeTime }) => encodeTime),
      ...(await answers).map(({ imageEncodeTime }) => imageEncodeTime),
    ];
    expect(times.filter((time) => time > 0)).toHaveLength(1);
  });
});

describe('an encoded image is taken', () => {
  it('in the messages of a chat', async () => {
    const content = [
      { type: 'image' as const, image: await keep(picture(0)) },
      { type: 'image' as const, image: picture(1) },
      { type: 'text' as const, text: 'What?' },
    ];
    const text = new TextGenerator(manager);
    const mixed = await text.chatGenerate([{ role: 'user', content }], GREEDY);
    const [, ...rest] = content;
    const bare = [{ type: 'image' as const, image: picture(0) }, ...rest];
    const expected = await text.chatGenerate([{ role: 'user', content: bare }], GREEDY);
    expect(mixed).toMatchObject({ response: expected.response, imageSizes: expected.imageSizes });
  });

  it('in a batch, and by the pages of a document', async () => {
    const image = await keep(picture());
    const { response } = await ask(image);
    const items = await vision.batchAnalyzeImages([image, image], 'What?', GREEDY);
    expect(items).toMatchObject([0, 1].map((index) => ({ success: true, index, response, imageEncodeTime: 0 })));
    const documents = new DocumentProcessor(vision);
    const page = { success: true, imageEncodeTime: 0 };
    expect(await documents.processDocumentPage(image, 'extract', GREEDY)).toMatchObject(page);
    const { pageResults } = await documents.processMultiPageDocument([image, image], 'extract', GREEDY);
    expect(pageResults).toMatchObject([page, page]);
  });

  it('in a conversation, which remembers its picture also when it is released', async () => {
    const conversation = new ConversationManager(new TextGenerator(manager));
    const image = await keep(picture());
    const input = [
      { type: 'image' as const, image },
      { type: 'text' as const, text: 'What?' },
    ];
    expect((await conversation.generateResponse(input, GREEDY)).imageEncodeTime).toBe(0);
    expect((await conversation.generateResponse('and?', GREEDY)).imageEncodeTime).toBe(0);
    await image.release();
    await manager.clearMemory();
    const later = await conversation.generateResponse('and?', GREEDY);
    expect(later.imageSizes).toEqual([[image.width, image.height]]);
    expect(later.imageEncodeTime).toBeGreaterThan(0);
    await expect(conversation.generateResponse(input, GREEDY)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

describe('the place of an encoded image', () => {
  it('is its own, however many others come, until it is released', async () => {
    const image = await keep(picture());
    const others = [await plain('#111'), await plain('#222'), await plain('#333')];
    for (const other of others) expect((await ask(other)).imageEncodeTime).toBeGreaterThan(0);
    await manager.clearMemory();
    expect((await ask(picture())).imageEncodeTime).toBe(0);
    await image.release();
    expect((await ask(picture())).imageEncodeTime).toBe(0); // not at once: nobody has needed the room
    for (const other of others) await ask(other);
    expect((await ask(picture())).imageEncodeTime).toBeGreaterThan(0);
  });

  it('is missed by those who find no other, who are told so', async () => {
    const [first, second] = [await keep(picture(0)), await keep(picture(1))];
    await expect(ask(await plain('#444'))).rejects.toThrow(ContextFullError);
    await expect(keep(await plain('#444'))).rejects.toThrow(/encodeImage keeps 2 of the 2 .* release some/);
    expect((await ask(second)).imageEncodeTime).toBe(0);
    await first.release();
    expect((await ask(await plain('#444'))).imageEncodeTime).toBeGreaterThan(0);
  });

  it('is waited for while answers hold all of them', async () => {
    const first = await parked(await plain('#555'));
    const second = await parked(await plain('#666'));
    let isReady = false;
    const waiting = keep(picture()).finally(() => {
      isReady = true;
    });
    await new TextGenerator(manager).generate('beside it', GREEDY);
    expect(isReady).toBe(false);
    first.open.cancel();
    expect((await waiting).encodeTime).toBeGreaterThan(0);
    second.open.cancel();
    await Promise.all([first.open.settled, second.open.settled]);
  });

  it('is given back at the end of a block', async () => {
    let seen: EncodedImage;
    {
      await using image = await vision.encodeImage(picture());
      seen = image;
      expect(image.released).toBe(false);
    }
    expect(seen.released).toBe(true);
    await Promise.all([keep(await plain('#777')), keep(await plain('#888'))]);
  });

  it('is given back when it was forgotten', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    await Promise.all([vision.encodeImage(picture(0)), vision.encodeImage(picture(1))]);
    const deadline = Date.now() + patient(20_000);
    const other = await plain('#999');
    for (;;) {
      collectGarbage();
      await turn();
      const image = await vision.encodeImage(other).catch((error) => {
        if (!(error instanceof ContextFullError) || Date.now() > deadline) throw error;
      });
      if (image) return image.release();
    }
  });

  it('is given back once, however often it is released, and answers about it go on', async () => {
    const image = await keep(picture());
    const expected = await ask(image);
    const { open } = await parked(picture());
    const begun = ask(image);
    await turn(); // it has been taken in
    await Promise.all([image.release(), image.release(), image[Symbol.asyncDispose]()]);
    expect(image.released).toBe(true);
    await keep(await plain('#aaa'));
    expect((await begun).response).toBe(expected.response);
    open.cancel();
    await open.settled;
    await keep(await plain('#bbb'));
  });
});

describe('giving an encoding up', () => {
  it('at once', async () => {
    const reason = new Error('enough');
    await expect(keep(picture(), AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it.each([0, 1, 2, 4, 8, 16, 32])('after %i ms leaves no place taken', async (ms) => {
    const image = await plain('#ccc', 560);
    const controller = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), ms);
    const encoded = await vision.encodeImage(image, { signal: controller.signal }).catch((error) => {
      expect(error).toBe(reason);
    });
    await encoded?.release();
    const others = await Promise.all([vision.encodeImage(picture(0)), vision.encodeImage(picture(1))]);
    await Promise.all(others.map((other) => other.release()));
  });

  it('while it waits for a place', async () => {
    const open = [await parked(await plain('#ddd')), await parked(await plain('#eee'))];
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = keep(picture(), controller.signal);
    await new TextGenerator(manager).generate('beside it', GREEDY);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    for (const { open: answer } of open) answer.cancel();
    await Promise.all(open.map(({ open: answer }) => answer.settled));
  });
});

describe('misuse', () => {
  it('a released image is refused everywhere, and the message says what to do', async () => {
    const image = await keep(picture());
    await image.release();
    const refusal = { code: 'ERR_INVALID_OPTION', message: expect.stringMatching(/released: pass the image itself/) };
    await expect(ask(image)).rejects.toMatchObject(refusal);
    const messages = [{ role: 'user', content: [{ type: 'image' as const, image }] }];
    await expect(new TextGenerator(manager).chatGenerate(messages, GREEDY)).rejects.toMatchObject(refusal);
    const [item] = await vision.batchAnalyzeImages([image], 'What?', GREEDY);
    expect(item).toMatchObject({ success: false, error: refusal });
  });

  it('so is one whose model was unloaded, or is that of another manager', async () => {
    const other = await managed();
    const foreign = await new VisionGenerator(other).encodeImage(picture());
    await expect(ask(foreign)).rejects.toThrow(/another manager/);
    await other.unloadModel();
    await expect(ask(foreign)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await other.loadModel();
    const answer = new VisionGenerator(other).generateWithImage(foreign, 'What?', GREEDY);
    await expect(answer).rejects.toThrow(/model of the encoded image was unloaded/);
    expect(foreign.released).toBe(false);
    await foreign.release(); // harmless
    await other.unloadModel();
  });

  it('as stored and encoded exclude each other', async () => {
    const image = await keep(picture());
    const call = vision.generateWithImage(image, 'What?', { ...GREEDY, preprocess: false });
    await expect(call).rejects.toThrow(/upright already/);
    expect((await vision.generateWithImage(image, 'What?', { ...GREEDY, preprocess: true })).success).toBe(true);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['an object', {}],
    ['an empty path', ''],
  ])('%s is no image', async (_, image) => {
    await expect(vision.encodeImage(image as string)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  it('an encoded image is no image file', async () => {
    const image = await keep(picture());
    await expect(vision.encodeImage(image as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  it.each([{ signal: 5 }, { preprocess: false }, 5, null])('%j are no options', async (options) => {
    await expect(vision.encodeImage(picture(), options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  it('what is no picture, or not there, fails as it does elsewhere', async () => {
    await expect(vision.encodeImage(Buffer.from('text'))).rejects.toMatchObject({ code: 'ERR_IMAGE_DECODE' });
    await expect(vision.encodeImage('/nowhere.png')).rejects.toMatchObject({ code: 'ERR_IO' });
  });
});
