/**
 * What the addon exports, typed. Nothing else in `lib/` may know the shape of the native side, and only
 * `native/load.ts` may require the binary.
 *
 * Conventions: arguments are plain values and bytes, copied before the call returns; work happens on the engine thread
 * (or, for the functions that return a promise, on libuv's pool); a rejected promise carries an `Error` with a `code`
 * of `lib/errors.ts`.
 */

import type { FittingOptions } from '../errors.js';

export interface NativeDevice {
  name: string;
  description: string;
  type: 'cpu' | 'gpu' | 'igpu' | 'accel';
  /** Bytes. */
  memoryFree: number;
  /** Bytes. */
  memoryTotal: number;
}

export interface NativeSystemInfo {
  llamaVersion: string;
  ggmlVersion: string;
  devices: NativeDevice[];
  /** E.g. "AVX512 = 1 | FMA = 1". */
  cpuFeatures: string;
}

export type MetadataValue = string | number | boolean | bigint | (string | number | boolean | bigint)[];

export interface NativeTensorInfo {
  name: string;
  /** ggml type name: "F32", "Q4_K", … */
  type: string;
  /** ggml order, fastest dimension first. */
  ne: number[];
  /** Of its first byte, from the start of the file. */
  offset: number;
  bytes: number;
}

/** Header of any GGUF file; arrays longer than 64 entries are cut to their first 64 with `arrayLengths` telling the whole. */
export interface NativeGgufInfo {
  version: number;
  metadata: Record<string, MetadataValue>;
  arrayLengths: Record<string, number>;
  tensors: NativeTensorInfo[];
  fileBytes: number;
}

/** A model on disk: a file of ours, or one or two of Ollama. */
export interface NativeModelFiles {
  path: string;
  /** The projector of a model in two files; "": none. */
  projectorPath: string;
  /** For files of Ollama: whether tanh has been applied to the gates of the vision tower's global layers. */
  ollamaGates: 'auto' | 'raw' | 'activated';
  /** For files of Ollama: the order of the rows in each head of cross-attention queries and keys. */
  ollamaHeads: 'auto' | 'paired' | 'halves';
}

export interface NativeLoadOptions extends NativeModelFiles {
  /** "auto" | "cpu" | "cuda" | a device name. */
  device: string;
  /** 0: number of physical cores, fewer for a small model. */
  threads: number;
  /** -1: as many as fit. */
  gpuLayers: number;
  /** Of the memory that is free on each GPU and on the host, what a plan may count on; above 0, up to 1. */
  memoryShare: number;
  /** Bytes of each GPU that it may count on at most. 0: no bound. */
  gpuBytes: number;
  /** Positions in the self cache, shared by all sequences. 0: min(model, 8192), or fewer where they do not fit. */
  contextSize: number;
  /** Rows computed in one graph. 0: 512. */
  batchSize: number;
  /** Sequences that may run at once. 0: 4. */
  maxSequences: number;
  /** Images whose keys and values are kept. 0: 4, or fewer where they do not fit. */
  maxImages: number;
  /** Type of both caches; "auto" is f16, or q8_0 where more fits with it. */
  kvType: 'f16' | 'f32' | 'q8_0' | 'auto';
  /** How rows that see no image are treated in the cross layers: as transformers does, or as Meta's code does. */
  rowMode: 'hf' | 'meta';
  /** Refuse NaN and infinity in the weights. */
  checkTensors: boolean;
}

export interface NativeModelInfo {
  name: string;
  /** "cpu" | "cuda" | … */
  device: string;
  deviceDescription: string;
  /** Type that holds most weights: "Q4_K", "BF16", … */
  quantization: string;
  parameters: number;
  threads: number;
  contextSize: number;
  /** Images in one request at most, and kept in memory. */
  maxImages: number;
  contextTrain: number;
  vocabSize: number;
  layers: number;
  crossLayers: number;
  embeddingSize: number;
  tileSize: number;
  maxTiles: number;
  /** (rows, cols); the aspect ratio id of an image is the index + 1. */
  aspectRatios: [number, number][];
  imageToken: string;
  bosToken: string;
  eosToken: string;
  addBos: boolean;
  /** Every control token's text; user text that contains one of them must not be parsed as special. */
  specialTokens: string[];
  /** Ids that end a generation. */
  stopTokens: number[];
  chatTemplate: string | null;
  memory: NativeMemory;
}

/** Bytes. */
export interface NativeMemory {
  weights: number;
  selfCache: number;
  crossCache: number;
  compute: number;
  /** Of the above, what lies on GPUs. */
  device: number;
  /** The same by device: the GPUs in use, in the order of the layers, then the CPU. */
  devices: NativeDeviceMemory[];
}

/** Bytes on one device. */
export interface NativeDeviceMemory {
  /** "CUDA0"; "CPU" for all of main memory. */
  name: string;
  type: 'cpu' | 'gpu';
  /** Of the text model. */
  weights: number;
  /** Weights of the vision tower and the projector. */
  vision: number;
  selfCache: number;
  crossCache: number;
  /** Results of the largest computation. */
  compute: number;
}

export interface NativePlannedDevice extends NativeDeviceMemory {
  /** Text layers that it computes. */
  layers: number;
  /** Bytes free before the model is loaded. */
  memoryFree: number;
  memoryTotal: number;
  /** Bytes that `hardware.maxMemoryUsage` and `hardware.targetVramGb` allow. */
  limit: number;
  /** Bytes of the limit that are left to the device's library, beside what is listed. */
  reserve: number;
}

/** How a model will be loaded, and what that takes, in bytes. */
export interface NativeMemoryPlan extends NativeMemory {
  devices: NativePlannedDevice[];
  /** Text layers on GPUs. */
  gpuLayers: number;
  contextSize: number;
  maxImages: number;
  kvCacheType: 'f16' | 'f32' | 'q8_0';
  /** What was given up so that the rest fits, and only where the options leave it open. */
  concessions: Concession[];
}

export type Concession =
  | 'visionOnHost'
  | 'fewerImages'
  | 'smallerCacheType'
  | 'smallerContext'
  | 'layersOnHost'
  | 'noGpu';

/** An error, as an event or as a property of what is thrown. The last three are those of an out of memory. */
export interface NativeFailure {
  code: string;
  message: string;
  /** Bytes. */
  needed?: number;
  /** Bytes. */
  available?: number;
  wouldFit?: FittingOptions;
}

/** A piece of a prompt: one control token by its text, plain text (never parsed for specials), or ready ids. */
export type NativePromptPart = { special: string } | { text: string } | { tokens: Int32Array };

export interface NativeImage {
  /** u8 RGB, [tiles][tile][tile][3]. */
  tiles: Uint8Array;
  /** rows * cols */
  tileCount: number;
  /** 1-based. */
  aspectRatioId: number;
  /** Content key (hash of tiles and aspect ratio): equal keys share one encode. */
  key: string;
}

export interface NativeSampling {
  /** 0: greedy. */
  temperature: number;
  /** 0: off. */
  topK: number;
  /** 1: off. */
  topP: number;
  /** 0: off. */
  minP: number;
  /** 1: off. */
  repetitionPenalty: number;
  /** 0: off. */
  frequencyPenalty: number;
  /** 0: off. */
  presencePenalty: number;
  /** Tokens looked back on by the penalties. */
  penaltyLastN: number;
  /** u32 */
  seed: number;
  /** Added to the logits of these tokens: -100 … 100, or -Infinity for never. */
  logitBias: { tokens: Int32Array; values: Float32Array };
}

export interface NativeRequest {
  prompt: NativePromptPart[];
  /** In order of the image tokens in the prompt; the counts must be equal. */
  images: NativeImage[];
  maxTokens: number;
  sampling: NativeSampling;
  /** Texts that end the generation; not part of the output. */
  stop: string[];
  /** Go on after a stop token (benchmarks, parity); under a grammar none is chosen. */
  ignoreEos: boolean;
  /** GBNF. The answer is a text of it, complete also when `maxTokens` or the context ends it. */
  grammar: string | null;
  /** Log-probabilities of every token: -1 none, else its own and those of so many of the likeliest (at most 20). */
  logprobs: number;
  /** Whether the prompt may begin with rows that other requests computed. */
  reusePrompt: boolean;
  /** Tokens guessed at once at most, from what the text already says: 0 none, at most 32. */
  promptLookup: number;
  /** Pieces that may be sent before `grant` is called; the request parks when they are used up. */
  credit: number;
}

export interface NativeStats {
  promptTokens: number;
  /** Of the prompt, those whose keys and values were there already. */
  cachedTokens: number;
  generatedTokens: number;
  /** Images of the request that had to be encoded (the others were cached). */
  imagesEncoded: number;
  /** By prompt lookup, and those of them that came true. */
  tokensGuessed: number;
  tokensGuessedRight: number;
  /** Seconds, from submission. */
  queueTime: number;
  encodeTime: number;
  promptTime: number;
  decodeTime: number;
  timeToFirstToken: number;
}

/** Log softmax of the model's own logits, before bias, penalties, temperature and grammar. */
export interface NativeLogprobs {
  /** [tokens] */
  chosen: Float32Array;
  /** [tokens][top], the likeliest first. */
  topTokens: Int32Array;
  topValues: Float32Array;
}

export type FinishReason = 'stop' | 'length';

/** What of a session was saved, or found room. */
export interface NativeSession {
  /** Beginnings of prompts. */
  prompts: number;
  /** Of these prompts; what several begin with counts once. */
  tokens: number;
  images: number;
}

/** Everything the engine says, in order. `id` is the one the command was given. Any but the first two settles it. */
export type NativeEvent =
  | { kind: 'progress'; id: number; value: number }
  | { kind: 'piece'; id: number; text: string }
  | { kind: 'loaded'; id: number; info: NativeModelInfo }
  | {
      kind: 'done';
      id: number;
      reason: FinishReason;
      tokens: Int32Array;
      stats: NativeStats;
      logprobs: NativeLogprobs | null;
    }
  | { kind: 'evaluated'; id: number; result: NativeEvaluation }
  | { kind: 'encoded'; id: number; encodeTime: number }
  | ({ kind: 'session'; id: number } & NativeSession)
  | { kind: 'ok'; id: number }
  | ({ kind: 'error'; id: number } & NativeFailure);

/** A teacher-forced run for tests, measurements and importance matrices. */
export interface NativeEvaluateRequest {
  prompt: NativePromptPart[];
  images: NativeImage[];
  /** Rows per graph; 0: the batch size. */
  chunk: number;
}

/** Where an importance matrix goes, and what it says of itself. */
export interface NativeImportanceTarget {
  path: string;
  /** What it was collected from; those of an older file stay. */
  datasets: string[];
  /** Tokens in one chunk of text. */
  chunkSize: number;
}

export interface NativeEvaluation {
  tokens: Int32Array;
  /** [tokens][vocabSize] */
  logits: Float32Array;
  /** Per image, [maxTiles * positions][visionOutputDim], blocks in concatenated order. */
  visionFeatures: Float32Array[];
  /** Per image, [maxTiles * positions][embeddingSize]. */
  crossStates: Float32Array[];
}

/** One engine: a thread, at most one model. Commands return at once; `onEvents` is called on the JS thread. */
export interface NativeEngine {
  load(id: number, options: NativeLoadOptions): void;
  unload(id: number): void;
  generate(id: number, request: NativeRequest): void;
  evaluate(id: number, request: NativeEvaluateRequest): void;
  /**
   * Encodes an image, unless it is in its slot already, and keeps it there until `releaseImage` or the end of the model:
   * requests with an image of the same key find it, and none drives it out. Settles with "encoded": the seconds that it
   * took, 0 when the image was there.
   */
  encodeImage(id: number, image: NativeImage): void;
  /** Lets go of the image that `encodeImage` kept under the id `kept`; harmless when there is none. */
  releaseImage(id: number, kept: number): void;
  /** Begins an importance matrix of the loaded model, with the sums of an older file unless `from` is null. */
  beginImportance(id: number, from: string | null): void;
  /** Adds the inputs that a prompt brings to the weights: all of them or, when it fails, none. */
  collect(id: number, request: NativeEvaluateRequest): void;
  /** Writes what was collected so far; the collection stays open. */
  writeImportance(id: number, target: NativeImportanceTarget): void;
  /** Forgets what was collected; harmless when nothing was begun. */
  endImportance(id: number): void;
  /** Writes the images and the beginnings of prompts that are kept to a file. Requests wait meanwhile. */
  saveSession(id: number, path: string): void;
  /** Takes them from a file, as far as there is room. */
  loadSession(id: number, path: string): void;
  /** Cancels a load, a generation, an evaluation, an encode, a collect or a session; it settles with ERR_CANCELLED unless it already has. */
  cancel(id: number): void;
  grant(id: number, pieces: number): void;
  /** Frees cached image states, those excepted that are kept or in use. */
  clearCaches(id: number): void;
  /** Synchronous; throws ERR_NOT_LOADED. Special tokens are parsed in `special` parts only. */
  tokenize(prompt: NativePromptPart[]): Int32Array;
  detokenize(tokens: Int32Array): string;
  memory(): NativeMemory;
  /** Cancels everything, frees the model, ends the thread; every open id settles with ERR_CLOSED. */
  close(): void;
}

/** Writes one GGUF file: to `<path>.tmp`, fsynced and renamed by `finish`. Methods must not overlap. */
export interface NativeGgufWriter {
  /**
   * Converts the next whole rows of tensor number `tensor` of the plan: tensors in any order, the rows of one in theirs.
   * A failure ends the writer.
   */
  write(tensor: number, bytes: Uint8Array, sourceType: 'F32' | 'F16' | 'BF16'): Promise<NativeConversionLoss>;
  /** Resolves when all that was written is on the disk. */
  sync(): Promise<void>;
  finish(): Promise<void>;
  /** Removes the temporary file; harmless after `finish`. */
  abort(): void;
  /** Closes and leaves the temporary file; harmless after `finish`. */
  close(): void;
}

/**
 * Writes a model, of any layout that can be loaded, as a new GGUF file: piece by piece to `<path>.tmp`, which `finish`
 * renames. Nothing is read before the first `step`. Methods must not overlap.
 */
export interface NativeModelCopy {
  /** Writes the next piece; all is written when both numbers are equal. */
  step(): Promise<NativeCopyProgress>;
  finish(): Promise<NativeCopyProgress>;
  /** Removes the temporary file, once a running call is over; harmless after `finish`. */
  abort(): void;
}

/** Bytes of the source. */
export interface NativeCopyProgress {
  bytesDone: number;
  bytesTotal: number;
}

export interface NativeCopyOptions {
  /** What becomes of weights of the vision tower that are not quantized; only for a "model". */
  visionType: 'keep' | 'BF16' | 'Q8_0';
  /** 0: all of the machine. */
  threads: number;
}

export interface NativeMetadataEntry {
  key: string;
  type: 'u32' | 'i32' | 'f32' | 'bool' | 'string' | 'i32[]' | 'f32[]' | 'string[]';
  value: string | number | boolean | readonly string[] | readonly number[];
}

export interface NativeTensorPlan {
  name: string;
  /** Type in the file. */
  type: string;
  ne: number[];
  /** [ne[0]], finite and not negative: what an error in each column costs, for the quantizer. */
  importance?: Float32Array | undefined;
}

/** Of the rows that were written: sums of squares over their elements. */
export interface NativeConversionLoss {
  /** Of what is stored against the source. */
  squaredError: number;
  /** Of the source. */
  squaredSum: number;
}

export interface NativeGgufWriterOptions {
  /** For the conversions; 0: all of the machine. */
  threads: number;
  /**
   * Makes a temporary file that only `abort` removes, to be resumed after a failure or the end of the process: rows of
   * each tensor that it holds already. All 0 begins it.
   */
  resume?: number[];
}

export interface NativeBinding {
  systemInfo(): NativeSystemInfo;
  errorCodes(): string[];
  /**
   * Adds the backends in a folder (libggml-cuda.so, …) to the process, before the first engine is made. Returns the names
   * of those it added, e.g. ["CUDA"]: none that is there already, and none when the folder was given before.
   * @throws ERR_BACKEND when the folder cannot be read or a library there does not load, with the reason
   */
  loadBackends(folder: string): string[];
  readGguf(path: string): Promise<NativeGgufInfo>;
  /**
   * How a load with these options will go, and what it takes; no memory for weights or caches is taken. Not in it: the
   * vocabulary. Rejects with ERR_OUT_OF_MEMORY when nothing that the options allow fits.
   */
  planMemory(options: NativeLoadOptions): Promise<NativeMemoryPlan>;
  /** Pillow's bilinear resize, then pad to rows x cols tiles. `rgb`: [height][width][3]. Returns [rows*cols][tile][tile][3]. */
  tileImage(
    rgb: Uint8Array,
    width: number,
    height: number,
    resized: { width: number; height: number },
    canvas: { rows: number; cols: number; tile: number },
  ): Promise<Uint8Array>;
  /** Ends the threads of this environment's engines and waits for them: for the moment before the process ends. */
  endEngines(): void;
  /** A "model" is a file of ours; a "text" is the text model alone, as a file of llama.cpp. */
  ModelCopy: new (
    what: 'model' | 'text',
    files: NativeModelFiles,
    output: string,
    options: NativeCopyOptions,
  ) => NativeModelCopy;
  Engine: new (onEvents: (events: NativeEvent[]) => void) => NativeEngine;
  GgufWriter: new (
    path: string,
    metadata: NativeMetadataEntry[],
    tensors: NativeTensorPlan[],
    options: NativeGgufWriterOptions,
  ) => NativeGgufWriter;
}
