import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConversationManager } from '../../lib/conversation-manager.js';
import type { ImageSource } from '../../lib/image/decode.js';
import type { ModelManager } from '../../lib/model-manager.js';
import type { PrepareImageOptions, Processor } from '../../lib/processor.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { loadedManager, tinyImages } from '../support/model.js';
import { type LocalServer, reply, startServer } from '../support/small-internet.js';

const FILE = tinyImages()[0] as string;

let manager: ModelManager;
let server: LocalServer;
let url: string;
beforeAll(async () => {
  manager = await loadedManager();
  server = await startServer((socket, path) => {
    if (path === '/image') reply(socket, 200, {}, readFileSync(FILE));
    if (path === '/page') reply(socket, 200, {}, '<!doctype html><title>An image</title>');
  });
  url = `http://127.0.0.1:${server.port}`;
});
beforeEach(() => {
  manager.config.network.allowPrivateAddresses = true;
});
afterAll(async () => {
  await manager.unloadModel();
  await server.close();
});

const prepare = (source: ImageSource, options?: PrepareImageOptions) =>
  (manager.processor as Processor).prepareImage(source, options);

describe('an image from a URL', () => {
  it('is prepared and answered about as the file is', async () => {
    const [fetched, read] = [await prepare(`${url}/image`), await prepare(FILE)];
    expect(fetched.key).toBe(read.key);
    expect(Buffer.compare(fetched.tiles, read.tiles)).toBe(0);

    const vision = new VisionGenerator(manager);
    const options = { temperature: 0, maxTokens: 8 };
    const answer = await vision.generateWithImage(new URL(`${url}/image`), 'What?', options);
    expect(answer.response).toBe((await vision.generateWithImage(FILE, 'What?', options)).response);
  });

  it('is fetched once for a conversation, and kept', async () => {
    const conversation = new ConversationManager(new TextGenerator(manager));
    const before = server.accepted;
    const options = { temperature: 0, maxTokens: 8 };
    const first = await conversation.generateResponse([{ type: 'image', image: `${url}/image` }], options);
    const second = await conversation.generateResponse('and?', options);
    expect(server.accepted).toBe(before + 1);
    expect(second.imageSizes).toEqual(first.imageSizes);
    const kept = { type: 'image', image: readFileSync(FILE), reference: `${url}/image` };
    expect(conversation.conversationHistory[0]?.content).toEqual([kept]);
  });

  it('is fetched as the configuration says at that moment', async () => {
    manager.config.network.allowPrivateAddresses = false;
    const before = server.accepted;
    await expect(prepare(`${url}/image`)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(new VisionGenerator(manager).generateWithImage(`${url}/image`, 'What?')).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining('network.allowPrivateAddresses'),
    });
    expect(server.accepted).toBe(before);
    manager.config.network.allowPrivateAddresses = true;
    expect((await prepare(`${url}/image`)).width).toBeGreaterThan(0);
  });

  it('that is a page says so', async () => {
    await expect(prepare(`${url}/page`)).rejects.toThrow(/web page, not an image/);
  });

  it('is no longer fetched once the generation is aborted', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const before = server.requests.length;
    const answer = new VisionGenerator(manager).generateWithImage(`${url}/silent`, 'What?', {
      signal: controller.signal,
    });
    while (server.requests.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort(reason);
    await expect(answer).rejects.toBe(reason);
    await server.allClosed();
  });

  it('is no longer fetched once its own signal is aborted; other options are refused', async () => {
    await expect(prepare(`${url}/silent`, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    await server.allClosed();
    await expect(prepare(FILE, { signal: 1 as unknown as AbortSignal })).rejects.toThrow(/AbortSignal for signal/);
    await expect(prepare(FILE, { timeout: 1 } as PrepareImageOptions)).rejects.toThrow(/Unknown option "timeout"/);
  });
});
