import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../lib/errors.js';
import type { Generation } from '../../lib/generation.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { VisionGenerator, type VisionResult, type VisionTaskOptions } from '../../lib/vision-generator.js';
import { TASK_PROMPTS, type VisionTask } from '../../lib/vision-tasks.js';
import { loadedManager, tinyImages } from '../support/model.js';

let manager: ModelManager;
let vision: VisionGenerator;
beforeAll(async () => {
  manager = await loadedManager((config) => Object.assign(config.generation, { maxTokens: 7, temperature: 0.9 }));
  vision = new VisionGenerator(manager);
});
afterAll(() => manager.unloadModel());

const image = () => tinyImages()[0] as string;

type Method = (options?: VisionTaskOptions) => Generation<VisionResult>;
const tasks: [name: string, method: Method, task: VisionTask, maxTokens: number, temperature: number][] = [
  ['describeImage', (options) => vision.describeImage(image(), options), 'describe', 200, 0.1],
  ['extractText', (options) => vision.extractText(image(), options), 'ocr', 300, 0],
  ['analyzeChart', (options) => vision.analyzeChart(image(), options), 'chart', 300, 0.1],
  ['analyzeTable', (options) => vision.analyzeTable(image(), options), 'table', 400, 0.1],
  ['convertToMarkdown', (options) => vision.convertToMarkdown(image(), options), 'markdown', 500, 0],
  ['runTask "summarize"', (options) => vision.runTask('summarize', image(), options), 'summarize', 400, 0.1],
];

describe.each(tasks)('%s', (_, method, task, maxTokens, temperature) => {
  it('asks in Korean, with its own limits', async () => {
    const { fullResponse, parameters, outputTokens, imageSize } = await method();
    expect(fullResponse).toContain(TASK_PROMPTS.ko[task]);
    expect(TASK_PROMPTS.ko[task]).toMatch(/[가-힣]/);
    expect(parameters).toMatchObject({ maxTokens, temperature, doSample: temperature > 0 });
    expect(outputTokens).toBeLessThanOrEqual(maxTokens);
    expect(imageSize).toHaveLength(2);
  });

  it('asks in English where that is wanted', async () => {
    const { fullResponse } = await method({ language: 'en', maxTokens: 1 });
    expect(fullResponse).toContain(TASK_PROMPTS.en[task]);
  });

  it('lets the call decide', async () => {
    const { parameters, outputTokens } = await method({ maxTokens: 2, temperature: 1.5, seed: 3 });
    expect(parameters).toMatchObject({ maxTokens: 2, temperature: 1.5, doSample: true, seed: 3 });
    expect(outputTokens).toBeLessThanOrEqual(2);
  });

  it('refuses a language that it has not', async () => {
    await expect(method({ language: 'fr' as never })).rejects.toThrow(/one of "ko", "en" for language/);
  });
});

describe('answerVisualQuestion', () => {
  it('asks the question, with 250 tokens and temperature 0.1', async () => {
    const { fullResponse, parameters } = await vision.answerVisualQuestion(image(), '무슨 색인가요?');
    expect(fullResponse).toContain('무슨 색인가요?');
    expect(parameters).toMatchObject({ maxTokens: 250, temperature: 0.1 });
  });

  it('answers as generateWithImage does', async () => {
    const options = { maxTokens: 20, temperature: 0 };
    const { response } = await vision.answerVisualQuestion(image(), 'What?', options);
    expect((await vision.generateWithImage(image(), 'What?', options)).response).toBe(response);
  });

  it.each(['', '  ', undefined, 5])('refuses the question %j', async (question) => {
    await expect(vision.answerVisualQuestion(image(), question as string)).rejects.toThrow(/for question/);
  });
});

describe('generateWithImage', () => {
  it('takes its limits from the configuration', async () => {
    const { parameters } = await vision.generateWithImage(image(), 'What?');
    expect(parameters).toMatchObject({ maxTokens: 7, temperature: 0.9 });
  });

  it('has a system message', async () => {
    const { fullResponse } = await vision.generateWithImage(image(), 'What?', { systemMessage: '짧게', maxTokens: 1 });
    expect(fullResponse).toMatch(/짧게.*What\?/s);
  });
});

describe('preprocess', () => {
  /** Left half dark, right half bright, and a tag that says: turn it by 90 degrees. */
  async function turnedPicture() {
    const half = await sharp({ create: { width: 30, height: 30, channels: 3, background: '#ddd' } })
      .png()
      .toBuffer();
    const plain = sharp({ create: { width: 60, height: 30, channels: 3, background: '#111' } })
      .composite([{ input: half, left: 30, top: 0 }])
      .png();
    const bytes = await plain.toBuffer();
    const tagged = await sharp(bytes).withMetadata({ orientation: 6 }).png().toBuffer();
    const upright = await sharp(bytes).rotate(90).png().toBuffer();
    return { tagged, plain: bytes, upright };
  }
  const options = { temperature: 0, maxTokens: 16 };
  const seen = async (picture: Buffer, preprocess?: boolean) => {
    const { response, imageSize } = await vision.generateWithImage(picture, 'What?', { ...options, preprocess });
    return { response, imageSize };
  };

  it('turns a picture upright, unless it is false', async () => {
    const { tagged, plain, upright } = await turnedPicture();
    const turned = await seen(tagged);
    expect(turned).toEqual(await seen(upright));
    expect(await seen(tagged, true)).toEqual(turned);
    expect(turned.imageSize).toEqual([30, 60]);
    const stored = await seen(tagged, false);
    expect(stored).toEqual(await seen(plain));
    expect(stored.imageSize).toEqual([60, 30]);
    expect(stored.response).not.toBe(turned.response);
  });

  it.each([0, 'false', null])('refuses %j', async (value) => {
    const call = vision.generateWithImage(image(), 'What?', { preprocess: value as never });
    await expect(call).rejects.toThrow(/true or false for preprocess/);
  });
});

describe('misuse', () => {
  it.each(['question', 'toString', '', undefined])('refuses the task %j', async (task) => {
    await expect(vision.runTask(task as VisionTask, image())).rejects.toThrow(/for task/);
  });

  it.each([
    ['no image', undefined],
    ['null', null],
    ['a number', 5],
    ['an object', {}],
  ])('refuses %s for an image', async (_, source) => {
    await expect(vision.describeImage(source as never)).rejects.toBeInstanceOf(InvalidArgumentError);
  });

  it.each([
    ['an unknown option', { languages: 'ko' }],
    ['options that are none', 5],
    ['a language for a free prompt', { language: 'ko' }],
  ])('refuses %s', async (_, options) => {
    const call = vision.generateWithImage(image(), 'What?', options as never);
    await expect(call).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});
