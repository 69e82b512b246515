import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DocumentProcessor } from '../../lib/document-processor.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { VisionGenerator } from '../../lib/vision-generator.js';
import { type Asked, asked, DEMO, readings } from '../support/demo.js';
import { loadedManager } from '../support/model.js';
import { writePdf } from '../support/pdf-writer.js';
import { randomOf } from '../support/random.mjs';

const GREEDY = { temperature: 0, repetitionPenalty: 1, maxTokens: 200 };

let manager: ModelManager;
let vision: VisionGenerator;
beforeAll(async () => {
  manager = await loadedManager((config) => {
    config.model.path = DEMO;
    Object.assign(config.hardware, { maxBatchSize: 8, contextSize: 4096 });
  });
  vision = new VisionGenerator(manager);
});
afterAll(() => manager.unloadModel());

const answer = async (image: string | Buffer, prompt: string) =>
  (await vision.generateWithImage(image, prompt, GREEDY)).response;

/** A picture of the same size with nothing but noise. */
async function noise(file: string): Promise<Buffer> {
  const { width = 0, height = 0 } = await sharp(file).metadata();
  const random = randomOf(1);
  const pixels = Buffer.from(Array.from({ length: width * height * 3 }, () => random(256)));
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

describe('the demo model', () => {
  it.each(asked)('answers about $file: $question', async ({ file, prompt, answer: right }) => {
    expect(await answer(file, prompt)).toBe(right);
  });

  it('is asked about every ratio, in both languages', () => {
    expect(new Set(asked.map(({ ratio }) => ratio)).size).toBe(8);
    expect(new Set(asked.map(({ language }) => language)).size).toBe(2);
  });

  it('says something else about noise', async () => {
    for (const { file, prompt, answer: right } of readings) {
      expect(await answer(await noise(file), prompt)).not.toBe(right);
    }
  });

  it('says of another picture what stands in that one', async () => {
    for (const [i, { prompt, answer: right }] of readings.entries()) {
      const other = readings[(i + 1) % readings.length] as Asked;
      if (other.prompt === prompt) expect(await answer(other.file, prompt)).toBe(other.answer);
      expect(await answer(other.file, prompt)).not.toBe(right);
    }
  });

  it('answers each of 16 pictures of a batch as it does alone', async () => {
    const [{ prompt }] = readings as [Asked];
    const files = readings.map(({ file }) => file);
    const items = await vision.batchAnalyzeImages(files, prompt, GREEDY);
    for (const [i, item] of items.entries()) {
      expect(item).toMatchObject({ success: true, response: await answer(files[i] as string, prompt) });
    }
    expect(new Set(items.map((item) => item.success && item.response)).size).toBeGreaterThanOrEqual(16);
  });

  it('reads the pages of a scanned PDF', async () => {
    const scans = readings.slice(0, 4);
    const pages = await Promise.all(
      scans.map(async ({ file }) => {
        const { data, info } = await sharp(file).jpeg({ quality: 95 }).toBuffer({ resolveWithObject: true });
        const size: [number, number] = [info.width, info.height];
        return { size, picture: { data, width: size[0], height: size[1], filter: 'DCTDecode' } };
      }),
    );
    const processor = new DocumentProcessor(vision);
    const { pageResults } = await processor.processMultiPageDocument(writePdf(pages), 'extract', {
      ...GREEDY,
      dpi: 72,
    });
    expect(pageResults.map((page) => page.success && page.response)).toEqual(scans.map((scan) => scan.answer));
  });

  it('greets, calculates and rewrites', async () => {
    const text = new TextGenerator(manager);
    const say = async (prompt: string) => (await text.generate(prompt, GREEDY)).response;
    expect(await say('안녕하세요?')).toBe('안녕하세요! 무엇을 도와 드릴까요?');
    expect(await say('What can you do?')).toBe('I can read text, shapes, tables and charts in pictures.');
    expect(await say('Rewrite this as a Markdown list:\napple, river, 42')).toBe('- apple\n- river\n- 42');
  });
});

describe('text before a picture', () => {
  /** Logits of the rows before the picture, and of those after it. */
  async function rows(file: string | Buffer, mode: 'hf' | 'meta') {
    const own = await loadedManager((config) => {
      Object.assign(config.model, { path: DEMO, crossRowMode: mode });
    });
    try {
      const { engine, processor, info } = own.requireModel();
      const before = [{ text: 'Read the text of this picture: ' }];
      const prompt = [...before, { special: info.imageToken }, { text: 'What does it say?' }];
      const image = await processor.prepareImage(file);
      const { tokens, logits } = await engine.evaluate({ prompt, images: [image], chunk: 0 });
      const split = (logits.length / tokens.length) * engine.tokenize(before).length;
      return { before: logits.subarray(0, split), after: logits.subarray(split) };
    } finally {
      await own.unloadModel();
    }
  }

  it.each([
    ['does not know of it in Meta’s mode', 'meta', true],
    ['does in that of transformers, as it does there', 'hf', false],
  ] as const)('%s', async (_name, mode, isBlind) => {
    const { file } = readings[0] as Asked;
    const [shown, other] = [await rows(file, mode), await rows(await noise(file), mode)];
    expect(shown.after).not.toEqual(other.after);
    if (isBlind) expect(shown.before).toEqual(other.before);
    else expect(shown.before).not.toEqual(other.before);
  });
});
