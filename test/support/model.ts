/** Tiny models for tests on the real addon: golden checkpoints, converted once per process into a temporary folder. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Config } from '../../lib/config.js';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import type { ConversionType } from '../../lib/convert/types.js';
import { Generation, type GenerationOptions } from '../../lib/generation.js';
import { ModelManager } from '../../lib/model-manager.js';
import type { NativeImage, NativeLoadOptions, NativePromptPart } from '../../lib/native/binding.js';
import type { Engine, EngineDone, EngineRequest } from '../../lib/native/engine.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** A tiny model of random weights that says words and never stops by itself, and a picture (test/reference/endless.py). */
export const ENDLESS = join(ROOT, 'test', 'fixtures', 'endless', 'model.gguf');
export const PICTURE = join(ROOT, 'test', 'fixtures', 'endless', 'picture.png');
const GOLDENS = join(ROOT, 'test', 'fixtures', 'goldens');

let folder: string | undefined;
const converted = new Map<string, Promise<string>>();

/** A folder that is removed when the process ends. */
export function temporaryFolder(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'bllossom-test-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}

/** The GGUF file of a golden configuration. */
export function tinyModel(name = 'a', type: ConversionType = 'F32'): Promise<string> {
  const key = `${name}.${type}`;
  const known = converted.get(key);
  if (known) return known;
  const output = join(temporaryFolder(), `${key}.gguf`);
  const made = convertCheckpoint({ source: join(GOLDENS, name, 'checkpoint'), output, type }).then(() => output);
  converted.set(key, made);
  return made;
}

/** Paths of the images of a golden configuration. */
export function tinyImages(name = 'a'): string[] {
  const images = join(GOLDENS, name, 'images');
  return readdirSync(images)
    .sort()
    .map((file) => join(images, file));
}

/** A manager with a tiny model loaded; one thread, since more of them only wait for each other on matrices this small. */
export async function loadedManager(change: (config: Config) => void = () => {}): Promise<ModelManager> {
  const config = new Config();
  config.model.path = await tinyModel();
  config.hardware.threads = 1;
  change(config);
  const manager = new ModelManager(config);
  if (!(await manager.loadModel())) throw manager.lastError;
  return manager;
}

/** Load options for an engine that is used without a manager. */
export const loadOptions = (path: string): NativeLoadOptions => ({
  ...{ path, device: 'cpu', threads: 1, gpuLayers: 0, contextSize: 0, batchSize: 0, maxSequences: 0, maxImages: 0 },
  ...{ memoryShare: 0.9, gpuBytes: 0 },
  ...{ kvType: 'f32', rowMode: 'hf', checkTensors: true },
  ...{ projectorPath: '', ollamaGates: 'auto', ollamaHeads: 'auto' },
});

export const GREEDY = {
  ...{ temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, frequencyPenalty: 0 },
  ...{ presencePenalty: 0, penaltyLastN: 0, seed: 0 },
  logitBias: { tokens: new Int32Array(), values: new Float32Array() },
};

export interface Endless extends GenerationOptions {
  engine: Engine;
  prompt?: NativePromptPart[];
  images?: NativeImage[];
  maxTokens?: number;
  /** Called when the engine has sent a piece, read or not. */
  onSent?: () => void;
}

/** A generation that no stop token ends. */
export function endless({
  engine,
  prompt = [{ text: 'hello' }],
  images = [],
  maxTokens = 2000,
  onSent,
  ...options
}: Endless) {
  return new Generation<EngineDone>((control) => {
    let request: EngineRequest | undefined;
    const credit = control.connect((pieces) => request?.grant(pieces));
    const native = { prompt, images, maxTokens, sampling: GREEDY, stop: [], ignoreEos: true, credit };
    const onPiece = (text: string) => {
      onSent?.();
      control.onPiece(text);
    };
    request = engine.generate(
      { ...native, grammar: null, logprobs: -1, reusePrompt: true, promptLookup: 0 },
      { signal: control.signal, onPiece },
    );
    return request.done;
  }, options);
}
