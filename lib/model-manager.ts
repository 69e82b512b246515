/** Loads and frees a model; generators take the loaded one from here. */

import { isDeepStrictEqual } from 'node:util';
import { abortable } from './abortable.js';
import { checkCallback, checkInstance, checkOptions, checkPath, checkSignal, reading } from './check.js';
import { Config } from './config.js';
import { pickDevice } from './device.js';
import {
  CancelledError,
  ClosedError,
  InvalidArgumentError,
  ModelNotLoadedError,
  ModelOutputError,
  toBllossomError,
} from './errors.js';
import { obtainModel } from './hub/obtain.js';
import { describeModel, GB, type ModelInfo } from './model-info.js';
import { locateModel, type ModelFiles } from './model-path.js';
import type {
  NativeLoadOptions,
  NativeMemoryPlan,
  NativeModelInfo,
  NativeSession,
  NativeSystemInfo,
} from './native/binding.js';
import { Engine } from './native/engine.js';
import { loadNative } from './native/load.js';
import { imageFetcher } from './net/image-fetcher.js';
import { Processor } from './processor.js';
import { SharedWork, type Waiter } from './shared-work.js';

export interface LoadModelOptions {
  /** 0 … 1. If it throws, `loadModel` returns false and `lastError` is what was thrown. */
  onProgress?: ((value: number) => void) | undefined;
  /** Aborted, `loadModel` returns false and `lastError` is the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface SessionOptions {
  /** Aborted, the call rejects with the signal's reason: the file, or the memory, stays as it was. */
  signal?: AbortSignal | undefined;
}

/** A model in memory. */
export interface LoadedModel {
  /** @internal */
  readonly engine: Engine;
  readonly info: NativeModelInfo;
  readonly processor: Processor;
}

/** Gives an idle manager another configuration. @returns false when it is not idle */
let reconfigure: (manager: ModelManager, config: Config) => boolean;

/**
 * Every call works in every state, and none leaves the manager unusable:
 *
 * |                           | not loaded, unloaded | loading          | idle      | generating           | unloading        |
 * | ------------------------- | -------------------- | ---------------- | --------- | -------------------- | ---------------- |
 * | `loadModel`               | loads                | joins            | true      | true                 | waits, loads     |
 * | `unloadModel`             | nothing to do        | ends the loading | unloads   | ends the generations | joins            |
 * | `clearMemory`             | nothing to do        | nothing to do    | clears    | clears what is idle  | nothing to do    |
 * | `saveSession`, `loadSession` | `ModelNotLoadedError` | `ModelNotLoadedError` | work | work, the generations wait | `ModelNotLoadedError` |
 * | `healthCheck`             | false                | false            | true      | true, beside them    | false            |
 * | `planMemory`              | plans                | plans            | plans     | plans                | plans            |
 * | `getModelInfo().status`   | "not_loaded"         | "not_loaded"     | "loaded"  | "loaded"             | "not_loaded"     |
 * | `model`, `processor`, `device` | null            | null             | there     | there                | null             |
 * | `requireModel`, generators, documents | `ModelNotLoadedError` | `ModelNotLoadedError` | answer | answer, computed together | `ModelNotLoadedError` |
 * | items of a batch          | that as `error`      | that as `error`  | answer    | answer               | that as `error`  |
 *
 * What an unloading ends fails with `ClosedError`, a loading with false and that in `lastError`. Of a `processor` that was kept, `applyChatTemplate` and
 * `prepareImage` go on; `tokenize` and `detokenize` throw `ModelNotLoadedError` and, once it is gone, `ClosedError`.
 *
 * @example
 * await using manager = new ModelManager(config);
 * if (!(await manager.loadModel())) throw manager.lastError;
 */
export class ModelManager implements AsyncDisposable {
  #config: Config;
  #model: LoadedModel | null = null;
  #load: SharedWork<void> | null = null;
  #unloading: Promise<void> | null = null;
  /** Calls of `unloadModel`, so that a waiting `loadModel` knows of those after it. */
  #unloads = 0;
  #lastError: Error | null = null;

  /** @throws InvalidArgumentError when `config` is something else */
  constructor(config: Config = new Config()) {
    this.#config = checkConfig(config);
  }

  get config(): Config {
    return this.#config;
  }

  /** Why the last `loadModel` or `healthCheck` that returned false did so; null after one that succeeded since. */
  get lastError(): Error | null {
    return this.#lastError;
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
   * Loads the model of the configuration: `model.path`, else `model.name` in `paths.cacheDir`, where it is downloaded to
   * from the hub when it is not there (`network.offline` and HF_HUB_OFFLINE forbid that). A loaded model is kept, an
   * unloading waited for. A load under way is joined: each caller has its own progress and signal, and the load goes
   * on until all of them have given up.
   *
   * @returns false on failure; the typed reason is in `lastError`
   * @throws InvalidArgumentError on wrong options
   */
  async loadModel(options?: LoadModelOptions): Promise<boolean> {
    const given = checkOptions('options', options, ['onProgress', 'signal']);
    const onProgress = checkCallback('onProgress', given.onProgress);
    const { signal } = given;
    if (signal !== undefined) checkSignal('signal', signal);
    return this.#attempt(() => this.#join({ onProgress, signal }));
  }

  /**
   * Frees the model; open generations reject with `ClosedError`, and so does a load under way, in `lastError`. Harmless
   * when nothing is loaded, and when it is called again.
   */
  unloadModel(): Promise<void> {
    this.#unloads++;
    this.#unloading ??= this.#unload().finally(() => {
      this.#unloading = null;
    });
    return this.#unloading;
  }

  /** The same as `unloadModel`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unloadModel();
  }

  /** Frees image states and scratch memory but keeps the model, and the images of `VisionGenerator.encodeImage`. */
  async clearMemory(): Promise<void> {
    await this.#model?.engine.clearCaches();
  }

  /**
   * Writes what requests have left in memory to a file: the states of images, and the beginnings of prompts. After a restart,
   * `loadSession` spares computing them again. The file appears when it is complete, and replaces the old one then; it is
   * as large as what it holds, at most as both caches (`planMemory`). Generations wait meanwhile.
   *
   * The file tells what was said and shown to the model: prompts can be read from it.
   *
   * Rejects with an `IoError` where the file cannot be written, and a `ModelNotLoadedError`.
   *
   * @throws InvalidArgumentError on a wrong path or wrong options
   */
  async saveSession(file: string, options?: SessionOptions): Promise<NativeSession> {
    const { path, signal } = checkSession(file, options);
    return this.requireModel().engine.saveSession(path, { signal });
  }

  /**
   * Takes such a file into memory, the last used prompts and images first, as far as there is room: what requests use stays,
   * and what none uses makes room. Resolves with what found room. Generations wait meanwhile.
   *
   * Rejects with a `ModelUnsupportedError` that says what differs when another model or quantization wrote it, or other
   * `hardware.kvCacheType` or `model.crossRowMode`; with a `ModelFormatError` for a damaged file and one that is no session,
   * an `IoError` where it cannot be read, and a `ModelNotLoadedError`. Nothing in memory has changed then.
   *
   * @throws InvalidArgumentError on a wrong path or wrong options
   */
  async loadSession(file: string, options?: SessionOptions): Promise<NativeSession> {
    const { path, signal } = checkSession(file, options);
    return this.requireModel().engine.loadSession(path, { signal });
  }

  /**
   * How the model of the configuration will be loaded into the memory that is free now, and what that takes, in bytes:
   * weights as they will lie in memory, caches, and the memory of the largest computation, on each device. Reads only the
   * header of the file; in any state, and what is loaded counts as taken. Beside it, the process takes 0.1 to 0.2 GB for
   * itself and the vocabulary.
   *
   * Rejects with what `loadModel` would put into `lastError`: with an `OutOfMemoryError` when nothing fits that the
   * configuration allows.
   */
  async planMemory(): Promise<NativeMemoryPlan> {
    try {
      this.#config.validate();
      const files = await locateModel(this.#config);
      const binding = loadNative();
      return await binding.planMemory(toNativeOptions(this.#config, files, binding.systemInfo()));
    } catch (error) {
      throw toBllossomError(error);
    }
  }

  getModelInfo(): ModelInfo {
    return describeModel(this.#model, this.#config.model.name);
  }

  /** Generates one token. @returns whether that worked; if not, the reason is in `lastError` */
  async healthCheck(): Promise<boolean> {
    return this.#attempt(async () => {
      const { engine, info, processor } = this.requireModel();
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
        reusePrompt: false,
        promptLookup: 0,
        credit: 1,
      });
      const [token = -1, ...more] = (await request.done).tokens;
      if (token >= 0 && token < info.vocabSize && more.length === 0) return;
      throw new ModelOutputError(`The model answered with token ${token}; there are ${info.vocabSize}. Load it again`);
    });
  }

  /** A failure goes to `lastError`; a success clears it, unless another call has failed meanwhile and is about to look. */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    const before = this.#lastError;
    try {
      await work();
      if (this.#lastError === before) this.#lastError = null;
      return true;
    } catch (error) {
      this.#lastError = error instanceof Error ? error : new CancelledError('The call was given up', { cause: error });
      return false;
    }
  }

  async #join({ onProgress, signal }: Waiter): Promise<void> {
    const unloads = this.#unloads;
    signal?.throwIfAborted();
    while (this.#unloading || this.#load?.abandoned) {
      const ending = this.#unloading ?? this.#load?.ended() ?? Promise.resolve();
      await (signal ? abortable(ending, signal) : ending);
    }
    if (this.#unloads !== unloads)
      throw new ClosedError('The model was unloaded while loadModel waited for an unloading before it');
    if (this.#model) return;
    this.#load ??= this.#startLoad();
    await this.#load.join({ onProgress, signal });
  }

  #startLoad(): SharedWork<void> {
    return new SharedWork<void>(async (control) => {
      try {
        const model = await loadFrom(this.#config, control);
        if (control.signal.aborted) {
          model.engine.close();
          throw control.signal.reason;
        }
        this.#model = model;
      } finally {
        this.#load = null;
      }
    });
  }

  async #unload(): Promise<void> {
    if (this.#load) {
      this.#load.abort(new ClosedError('The model was unloaded while it was being loaded'));
      await this.#load.ended();
    }
    const engine = this.#model?.engine;
    this.#model = null;
    if (!engine) return;
    await engine.unload().finally(() => engine.close());
  }

  static {
    reconfigure = (manager, config) => {
      if (manager.#model || manager.#load || manager.#unloading) return false;
      manager.#config = config;
      return true;
    };
  }
}

async function loadFrom(config: Config, control: Required<Waiter>): Promise<LoadedModel> {
  let engine: Engine | undefined;
  try {
    config.validate();
    const { files, rest } = await obtainModel(config, control);
    const binding = loadNative();
    const options = toNativeOptions(config, files, binding.systemInfo());
    engine = new Engine(binding);
    const info = await engine.load(options, rest);
    const processor = new Processor(engine, info, binding.tileImage, () => imageFetcher(config.network));
    return { engine, info, processor };
  } catch (error) {
    engine?.close();
    throw control.signal?.aborted && error === control.signal.reason ? error : toBllossomError(error);
  }
}

function toNativeOptions(config: Config, files: ModelFiles, { devices }: NativeSystemInfo): NativeLoadOptions {
  const { model, hardware } = config;
  const aimsAtGpu = model.deviceMap === 'auto' && hardware.targetGpu !== null;
  return {
    path: files.path,
    projectorPath: files.projector ?? '',
    ollamaGates: model.ollamaGates,
    ollamaHeads: model.ollamaHeads,
    device: pickDevice(config, devices),
    threads: hardware.threads ?? 0,
    gpuLayers: hardware.gpuLayers === 'auto' ? -1 : hardware.gpuLayers,
    memoryShare: hardware.maxMemoryUsage,
    gpuBytes: aimsAtGpu ? hardware.targetVramGb * GB : 0,
    contextSize: hardware.contextSize ?? 0,
    batchSize: 0,
    maxSequences: hardware.maxBatchSize ?? 0,
    maxImages: hardware.maxImages ?? 0,
    kvType: hardware.kvCacheType,
    rowMode: model.crossRowMode,
    checkTensors: true,
  };
}

function checkSession(file: string, options: SessionOptions | undefined): { path: string; signal?: AbortSignal } {
  const path = checkPath('file', file);
  const { signal } = checkOptions('options', options, ['signal']);
  return signal === undefined ? { path } : { path, signal: checkSignal('signal', signal) };
}

function checkConfig(config: Config): Config {
  return checkInstance('config', config, Config, 'a Config');
}

let shared: ModelManager | undefined;

/**
 * The one manager of this process (of this thread, in a worker). It keeps the configuration of the first call; another
 * one with other values takes over while no model is loaded, and is refused while one is.
 *
 * @throws InvalidArgumentError when `config` is something else, or comes too late
 */
export function getModelManager(config?: Config): ModelManager {
  if (config !== undefined) checkInstance('config', config, Config, 'a Config');
  shared ??= new ModelManager(config);
  if (config === undefined || config === shared.config) return shared;
  const [given, own] = [checkConfig(config).toJSON(), shared.config.toJSON()];
  if (reading('config cannot be read', () => isDeepStrictEqual(given, own))) return shared;
  if (reconfigure(shared, config)) return shared;
  throw new InvalidArgumentError(
    'The shared manager has a model loaded with another configuration: call unloadModel() first, leave the ' +
      'configuration out, or take an own manager with new ModelManager(config)',
  );
}
