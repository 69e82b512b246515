import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Config } from '../../lib/config.js';
import { locateModel } from '../../lib/model-path.js';
import { findOllamaModel } from '../../lib/models/ollama.js';
import { type Layer, OllamaFolder } from '../support/ollama-files.js';

let folder: OllamaFolder;
let model: Layer;
let projector: Layer;

beforeEach(() => {
  folder = new OllamaFolder();
  model = folder.blob('model', 'the model');
  projector = folder.blob('projector', 'the projector');
  vi.stubEnv('OLLAMA_MODELS', folder.root);
});
afterEach(() => vi.unstubAllEnvs());

const library = (name: string) => `registry.ollama.ai/library/${name}`;
const blobPath = ({ digest }: Layer) => join(folder.root, 'blobs', digest.replace(':', '-'));

describe('a model of Ollama is found', () => {
  it.each([
    ['vision', library('vision/latest')],
    ['vision:11b-q4', library('vision/11b-q4')],
    ['me/vision', 'registry.ollama.ai/me/vision/latest'],
    ['example.org/me/vision:1', 'example.org/me/vision/1'],
    ['localhost:5000/me/vision', 'localhost:5000/me/vision/latest'],
  ])('by its name: %s', async (name, place) => {
    folder.manifest(place, { layers: [model, projector] });
    expect(await findOllamaModel(name)).toEqual({ path: blobPath(model), projector: blobPath(projector) });
  });

  it('with no projector where there is none, and other layers beside it', async () => {
    const others = ['template', 'license', 'params', 'system'].map((kind) => folder.blob(kind, kind));
    folder.manifest(library('vision/latest'), { layers: [...others, model, null, 5, 'x', {}] });
    expect(await findOllamaModel('vision')).toEqual({ path: blobPath(model), projector: null });
  });

  it('by the path of a configuration', async () => {
    folder.manifest(library('vision/latest'), { layers: [model, projector] });
    const config = new Config();
    config.model.path = 'ollama:vision';
    expect(await locateModel(config)).toEqual({ path: blobPath(model), projector: blobPath(projector) });
    config.model.projector = 'mine.gguf';
    await expect(locateModel(config)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  it('in the folder of the user where OLLAMA_MODELS is not set', async () => {
    vi.stubEnv('OLLAMA_MODELS', undefined);
    vi.stubEnv('HOME', folder.root);
    await expect(findOllamaModel('nowhere-to-be-found')).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringContaining(join(folder.root, '.ollama', 'models', 'manifests')),
    });
  });
});

describe('a name that is none', () => {
  it.each([
    ...['', ':', '/', 'a/', '/a', 'a:', ':a', 'a/b/c/d', '..', '../..', 'a/..', '../a', 'a:..', './a', '.hidden'],
    ...['a:b:c', 'a b', 'a\0b', 'a\nb', '-a', '%2e%2e/a', 'host:99999999/me/a', `${'a'.repeat(81)}`, 'ä', 'a\\b'],
  ])('is refused: %j', async (name) => {
    await expect(findOllamaModel(name)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

describe('a manifest that is wrong', () => {
  const refuses = async (manifest: unknown, code: string, message: RegExp) => {
    folder.manifest(library('bad/latest'), manifest);
    await expect(findOllamaModel('bad')).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  };

  it.each([
    ...['', '{', 'null', '[]', '5', '"x"', '{"layers": 5}', '{}', '{"layers": {}}', '\0\0\0', '{"layers": [{}'],
  ])('is refused: %j', (text) => refuses(text, 'ERR_MODEL_FORMAT', /bad/));

  it('is refused without a model, or with two', async () => {
    await refuses({ layers: [] }, 'ERR_MODEL_FORMAT', /names no model/);
    await refuses({ layers: [projector] }, 'ERR_MODEL_FORMAT', /names no model/);
    await refuses({ layers: [model, model] }, 'ERR_MODEL_FORMAT', /2 layers/);
  });

  it.each([
    ...['', 'sha256:', `sha256:${'0'.repeat(63)}`, `sha256:${'0'.repeat(65)}`, `sha256:${'A'.repeat(64)}`],
    ...['sha256:../../../../../../etc/passwd', `sha256:../${'0'.repeat(61)}`, `md5:${'0'.repeat(64)}`, '/etc/passwd'],
    ...[`sha256:${'0'.repeat(64)}\n`, `sha256:${'0'.repeat(64)}/..`, 5, null, undefined, {}, ['sha256:', '0']],
  ])('is refused for its digest: %j', (digest) =>
    refuses({ layers: [{ ...model, digest }] }, 'ERR_MODEL_FORMAT', /digest/),
  );

  it.each([0, 1, -1, 8, 10, 1e300, '9', null, undefined, {}])('is refused for its size: %j', (size) =>
    refuses({ layers: [{ ...model, size }] }, 'ERR_MODEL_FORMAT', /has 9 bytes/),
  );

  it('is refused when it is huge, or holds too many layers', async () => {
    await refuses(`{"layers": []}${' '.repeat(1 << 20)}`, 'ERR_MODEL_FORMAT', /the limit of a manifest/);
    await refuses({ layers: Array(1001).fill(0) }, 'ERR_MODEL_FORMAT', /at most 1000 layers/);
    await refuses('['.repeat(500_000), 'ERR_MODEL_FORMAT', /levels/);
  });

  it('is refused when a blob is missing or a folder', async () => {
    rmSync(blobPath(projector));
    await refuses({ layers: [model, projector] }, 'ERR_MODEL_NOT_FOUND', /is missing: pull/);
    mkdirSync(blobPath(projector));
    await refuses({ layers: [model, projector] }, 'ERR_MODEL_NOT_FOUND', /is missing: pull/);
  });

  it('is not taken for one where it is a folder, and a folder that does not exist has no models', async () => {
    folder.manifest(library('outer/inner/latest'), { layers: [model] });
    await expect(findOllamaModel('outer:inner')).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
    vi.stubEnv('OLLAMA_MODELS', join(folder.root, 'no'));
    await expect(findOllamaModel('bad')).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
    writeFileSync(join(folder.root, 'file'), '');
    vi.stubEnv('OLLAMA_MODELS', join(folder.root, 'file'));
    await expect(findOllamaModel('bad')).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  });
});
