/** Models of Ollama on the command line. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bllossom, GREEDY, KOREAN, type RunOptions } from '../support/cli.js';
import { tinyImages, tinyModel } from '../support/model.js';
import { freshPath, OllamaFolder, writeBlobs } from '../support/ollama-files.js';

const LIBRARY = 'registry.ollama.ai/library/';
let folder: OllamaFolder;
let original: string;
let options: RunOptions;
beforeAll(async () => {
  folder = new OllamaFolder();
  folder.model(`${LIBRARY}llama3.2-vision/latest`, 'a', { layout: 'pair' });
  folder.model(`${LIBRARY}llama3.2-vision/11b`, 'a', { layout: 'single' });
  folder.model('registry.ollama.ai/me/tiny/latest', 'c', { layout: 'single' });
  folder.model('registry.ollama.ai/me/tiny/old', 'c', { layout: 'pair' });
  original = await tinyModel('a', 'F32');
  options = { env: { OLLAMA_MODELS: folder.root } };
});

const ask = (model: string, more: string[] = [], name = 'a') => {
  const [image = ''] = tinyImages(name);
  return bllossom(['vision', image, '무엇이 보이나요?', '--model', model, ...more, ...GREEDY], options);
};

describe('--model ollama:<name>', () => {
  it.each(['ollama:llama3.2-vision', 'ollama:llama3.2-vision:11b'])('answers about an image: %s', async (name) => {
    const run = await ask(name);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout.length).toBeGreaterThan(1);
    // a file of ours without a template speaks the same built-in one
    const converted = freshPath('of-ours.gguf');
    expect(await bllossom(['convert', name, converted], options)).toMatchObject({ code: 0, stderr: '' });
    expect((await ask(converted)).stdout).toBe(run.stdout);
  });

  it.each(['me/tiny', 'me/tiny:old'])('answers like the checkpoint that it was made of: %s', async (name) => {
    const run = await ask(`ollama:${name}`, [], 'c'); // whose template is the built-in one
    expect(run.stdout.length).toBeGreaterThan(1);
    expect(run).toEqual(await ask(await tinyModel('c', 'F32'), [], 'c'));
  });

  it('answers what the two files by their paths do', async () => {
    const { path, projectorPath } = writeBlobs('a', { layout: 'pair' });
    expect((await ask(path, ['--projector', projectorPath])).stdout).toBe((await ask('ollama:llama3.2-vision')).stdout);
  });

  it('says what is missing, in both languages', async () => {
    const run = await ask('ollama:no-such-model');
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/Ollama has no model "no-such-model".*ollama list/);
    const korean = { env: { ...options.env, ...KOREAN } };
    expect((await bllossom(['text', 'x', '--model', 'ollama:a/b/c/d'], korean)).stderr).toMatch(/잘못된 입력입니다/);
  });
});

describe('bllossom convert of a GGUF file', () => {
  it('keeps the text model and stores the vision tower as asked', async () => {
    const output = freshPath('q8.gguf');
    const convert = (more: string[]) => bllossom(['convert', 'ollama:llama3.2-vision', output, ...more], options);
    expect(await convert(['--vision-type', 'Q8_0'])).toMatchObject({ code: 0, stdout: /q8\.gguf: .*MiB|KiB/ });
    const run = await bllossom(['inspect', output, '--json']);
    const { tensors } = JSON.parse(run.stdout) as { tensors: { name: string; type: string }[] };
    const typeOf = (name: string) => tensors.find((tensor) => tensor.name === name)?.type;
    expect(typeOf('v.blk.0.attn_q.weight')).toBe('Q8_0');
    expect(typeOf('blk.0.attn_q.weight')).toBe('F32');
    expect((await convert([])).stderr).toMatch(/exists already/);
    expect(await convert(['--force'])).toMatchObject({ code: 0 });
  });

  it('refuses options that would do nothing', async () => {
    const output = freshPath('never.gguf');
    const typed = await bllossom(['convert', original, output, '--type', 'Q4_K_M']);
    expect(typed.stderr).toMatch(/--type is for checkpoints/);
    const vision = await bllossom(['convert', freshPath('folder'), output, '--vision-type', 'BF16']);
    expect(vision.stderr).toMatch(/--vision-type is for GGUF files/);
    expect(existsSync(output)).toBe(false);
  });
});

describe('bllossom export', () => {
  it('writes the text model of any file', async () => {
    const [ours, theirs] = [freshPath('ours.gguf'), freshPath('theirs.gguf')];
    expect(await bllossom(['export', '--text-only', original, ours])).toMatchObject({ code: 0, stderr: '' });
    const run = await bllossom(['export', '--text-only', 'ollama:llama3.2-vision', theirs], options);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect((await bllossom(['inspect', theirs])).stdout).toMatch(/: llama, GGUF 3/);
  });

  it('asks what to export, and replaces nothing unasked', async () => {
    const output = freshPath('asked.gguf');
    expect((await bllossom(['export', original, output])).stderr).toMatch(/--text-only/);
    expect(existsSync(output)).toBe(false);
    const there = await bllossom(['export', '--text-only', original, original]);
    expect(there.stderr).toMatch(/exists already/);
    const same = await bllossom(['export', '--text-only', original, original, '--force']);
    expect(same.stderr).toMatch(/read from/);
    const nowhere = await bllossom(['export', '--text-only', join(original, 'x'), output]);
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringMatching(/No model file/) });
  });
});
