/** Loads and frees a model; generators take the loaded one from here. */

import { checkCallback, checkInstance, checkOptions, checkSignal } from './check.js';
import { Config } from './config.js';
import { CancelledError, ModelNotLoadedError } from './errors.js';
import { locateModel } from './model-path.js';
import type { NativeLoadOptions, NativeMemory, NativeModelInfo } from './native/binding.js';
import { Engine } from './native/engine.js';
import { loadNative } from './native/load.js';
import { imageFetcher } from './net/image-fetcher.js';
import { Processor } from './processor.js';

export interface LoadModelOptions {
  /** 0 … 1. If it throws, `loadModel` returns false and `lastError` is what was thrown. */
  onProgress?: ((value: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** A model in memory. */
export interface LoadedModel {
  readonly engine: Engine;
  readonly info: NativeModelInfo;
  readonly processor: Processor;
}

export interface ModelInfo {
  status: 'loaded' | 'not_loaded';
  modelName: string;
  device: string | null;
  quantization: string | null;
  /** GB on GPUs. */
  vramAllocated: number;
  /** GB of all GPUs. */
  vramTotal: number;
  /** GB in main memory. */
  ramAllocated: number;
  /** Facts of the architecture; null while nothing is loaded. */
  architecture: ModelArchitecture | null;
}

export type ModelArchitecture = Pick<
  NativeModelInfo,
  | ('parameters' | 'layers' | 'crossLayers' | 'embeddingSize' | 'vocabSize' | 'contextSize' | 'contextTrain')
  | ('threads' | 'tileSize' | 'maxTiles' | 'aspectRatios')
>;

const GB = 1024 ** 3;

/**
 * Every call works in every state, and none leaves the manager unusable:
 *
 * |                           | not loaded, unloaded | loading          | idle      | generating           | unloading        |
 * | ------------------------- | -------------------- | ---------------- | --------- | -------------------- | ---------------- |
 * | `loadModel`               | loads                | joins            | true      | true                 | waits, loads     |
 * | `unloadModel`             | nothing to do        | ends the loading | unloads   | ends the generations | joins            |
 * | `clearMemory`             | nothing to do        | nothing to do    | clears    | clears what is idle  | nothing to do    |
 * | `healthCheck`             | false                | false            | true      | true, beside them    | false            |
 * | `getModelInfo().status`   | "not_loaded"         | "not_loaded"     | "loaded"  | "loaded"             | "not_loaded"     |
 * | `model`, `processor`, `device` | null            | null             | there     | there                | null             |
 * | `requireModel`, generators | `ModelNotLoadedError` | `ModelNotLoadedError` | answer | answer, computed together | `ModelNotLoadedError` |
 * | items of a batch          | that as `error`      | that as `error`  | answer    | answer               | that as `error`  |
 *
 * What an unloading ends rejects with `ClosedError`. Of a `processor` that was kept, `applyChatTemplate` and
 * `prepareImage` go on; `tokenize` and `detokenize` throw `ModelNotLoadedError` and, once it is gone, `ClosedError`.
 */
export class ModelManager {
  readonly config: Config;
  /** Why the last `loadModel` returned false. */
  lastError: Error | null = null;
  #model: LoadedModel | null = null;
  #loading: Promise<boolean> | null = null;
  #unloading: Promise<void> | null = null;

  /** @throws InvalidArgumentError when `config` is something else */
  constructor(config: Config = new Config()) {
    this.config = checkInstance('config', config, Config, 'a Config');
  }

  get isLoaded(): boolean {
    return this.#model !== null;
  }

  get model(): LoadedModel | null {
    return this.#model;
  }

  get processor(): Processor | null {
    return this.#model?.processor ?? null;
  }

  /** "cpu", "cuda", …; null while nothing is loaded. */
  get device(): string | null {
    return this.#model?.info.device ?? null;
  }

  /** @throws ModelNotLoadedError */
  requireModel(): LoadedModel {
    if (!this.#model) throw new ModelNotLoadedError();
    return this.#model;
  }

  /**
   * Loads the model of the configuration: `model.path`, else `model.name` in `paths.cacheDir`. A load under way is
   * joined (and is its first caller's to follow and to abort), a loaded model kept, an unloading waited for.
   *
   * @returns false on failure; the typed reason is in `lastError`
   * @throws InvalidArgumentError on wrong options
   */
  async loadModel(options?: LoadModelOptions): Promise<boolean> {
    const given = checkOptions('options', options, ['onProgress', 'signal']);
    const onProgress = checkCallback('onProgress', given.onProgress);
    const { signal } = given;
    if (signal !== undefined) checkSignal('signal', signal);
    while (this.#unloading) await this.#unloading;
    if (this.#model) return true;
    this.#loading ??= this.#load({ onProgress, signal }).finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** Frees the model, once a load under way has ended; open generations reject with `ClosedError`. */
  unloadModel(): Promise<void> {
    this.#unloading ??= this.#unload().finally(() => {
      this.#unloading = null;
    });
    return this.#unloading;
  }

  /** Frees image states and scratch memory but keeps the model. */
  async clearMemory(): Promise<void> {
    await this.#model?.engine.clearCaches();
  }

  getModelInfo(): ModelInfo {
    const model = this.#model;
    const { name } = this.config.model;
    const none = { vramAllocated: 0, vramTotal: 0, ramAllocated: 0, architecture: null };
    if (!model) return { status: 'not_loaded', modelName: name, device: null, quantization: null, ...none };
    const { info } = model;
    const memory = model.engine.memory();
    const { parameters, layers, crossLayers, embeddingSize, vocabSize, contextSize, contextTrain } = info;
    const { threads, tileSize, maxTiles, aspectRatios } = info;
    const text = { parameters, layers, crossLayers, embeddingSize, vocabSize, contextSize, contextTrain };
    return {
      status: 'loaded',
      modelName: info.name || name,
      device: info.device,
      quantization: info.quantization,
      vramAllocated: memory.device / GB,
      vramTotal: totalVram() / GB,
      ramAllocated: (allocated(memory) - memory.device) / GB,
      architecture: { ...text, threads, tileSize, maxTiles, aspectRatios },
    };
  }

  /** Generates one token. @returns whether that worked */
  async healthCheck(): Promise<boolean> {
    if (!this.#model) return false;
    const { engine, info, processor } = this.#model;
    try {
      const request = engine.generate({
        prompt: processor.applyChatTemplate([{ role: 'user', content: 'Hi' }]),
        images: [],
        maxTokens: 1,
        sampling: {
          ...{ temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, frequencyPenalty: 0 },
          ...{ presencePenalty: 0, penaltyLastN: 0, seed: 0 },
          logitBias: { tokens: new Int32Array(), values: new Float32Array() },
        },
        stop: [],
        ignoreEos: true,
        grammar: null,
        logprobs: -1,
        credit: 1,
      });
      const { tokens } = await request.done;
      return tokens.length === 1 && (tokens[0] ?? -1) >= 0 && (tokens[0] ?? info.vocabSize) < info.vocabSize;
    } catch {
      return false;
    }
  }

  async #load(options: LoadModelOptions): Promise<boolean> {
    this.lastError = null;
    let engine: Engine | undefined;
    try {
      this.config.validate();
      const path = await locateModel(this.config);
      const binding = loadNative();
      engine = new Engine(binding);
      const info = await engine.load(toNativeOptions(this.config, path), options);
      const processor = new Processor(engine, info, binding.tileImage, () => imageFetcher(this.config.network));
      this.#model = { engine, info, processor };
      return true;
    } catch (error) {
      engine?.close();
      this.lastError = loadError(error);
      return false;
    }
  }

  async #unload(): Promise<void> {
    await this.#loading;
    const engine = this.#model?.engine;
    this.#model = null;
    if (!engine) return;
    await engine.unload().finally(() => engine.close());
  }
}

/** An error; the signal's reason or what a callback threw, where it is none, becomes the cause of one. */
function loadError(error: unknown): Error {
  return error instanceof Error ? error : new CancelledError('Loading was cancelled', { cause: error });
}

function toNativeOptions({ model, hardware }: Config, path: string): NativeLoadOptions {
  return {
    path,
    device: model.deviceMap,
    threads: hardware.threads ?? 0,
    gpuLayers: hardware.gpuLayers === 'auto' ? -1 : hardware.gpuLayers,
    contextSize: hardware.contextSize ?? 0,
    batchSize: 0,
    maxSequences: hardware.maxBatchSize ?? 0,
    maxImages: hardware.maxImages ?? 0,
    kvType: hardware.kvCacheType,
    rowMode: model.crossRowMode,
    checkTensors: true,
  };
}

function allocated({ weights, selfCache, crossCache, compute }: NativeMemory): number {
  return weights + selfCache + crossCache + compute;
}

function totalVram(): number {
  const { devices } = loadNative().systemInfo();
  return devices.filter(({ type }) => type === 'gpu').reduce((sum, { memoryTotal }) => sum + memoryTotal, 0);
}

let shared: ModelManager | undefined;

/** The one manager of this process. The configuration counts with the first call only. @throws InvalidArgumentError */
export function getModelManager(config?: Config): ModelManager {
  if (config !== undefined) checkInstance('config', config, Config, 'a Config');
  shared ??= new ModelManager(config);
  return shared;
}
