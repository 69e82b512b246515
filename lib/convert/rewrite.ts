/** New GGUF files from models that can be loaded: Ollama's as files of ours, and the text model alone for llama.cpp. */

import { realpath } from 'node:fs/promises';
import { checkCallback, checkInteger, checkOneOf, checkOptions, checkPath, checkSignal } from '../check.js';
import { InvalidOptionError, toBllossomError } from '../errors.js';
import { locateFiles, type ModelFiles } from '../model-path.js';
import type { NativeModelCopy, NativeModelFiles } from '../native/binding.js';
import { loadNative } from '../native/load.js';

export const VISION_TYPES = ['keep', 'BF16', 'Q8_0'] as const;
/** "keep": as it is, but for F16, which becomes BF16. What is quantized already is always kept. */
export type VisionType = (typeof VISION_TYPES)[number];

export interface CopyOptions {
  /** A GGUF file of ours or of Ollama, or "ollama:<name>". */
  source: string;
  /** The projector, where `source` is the text model of a model in two files. */
  projector?: string | undefined;
  /** The GGUF file to write. It appears, or replaces an old one, only when it is complete. */
  output: string;
  /** `model.ollamaGates` and `model.ollamaHeads` of the configuration. Default "auto". */
  ollamaGates?: 'auto' | 'raw' | 'activated' | undefined;
  ollamaHeads?: 'auto' | 'paired' | 'halves' | undefined;
  /** 0 … 1. What it throws ends the work, which rejects with it. */
  onProgress?: ((value: number) => void) | undefined;
  /** Stops the work between two pieces. */
  signal?: AbortSignal | undefined;
}

export interface RewriteOptions extends CopyOptions {
  /** What the matrices of the vision tower and the projector are stored as. Default "keep". */
  visionType?: VisionType | undefined;
  /** Threads that convert; 0 (default): all of the machine. */
  threads?: number | undefined;
}

export interface CopyReport {
  output: string;
  /** Bytes that were read. */
  bytes: number;
  seconds: number;
}

/**
 * Writes a model of any layout that can be loaded as a file of ours (docs/gguf.md). The text model keeps its bytes, and the
 * new file computes what the old one does, but for weights of the vision tower that get another type.
 *
 * Rejects with what loading the model would, InvalidOptionError, IoError, or the signal's reason. Whatever happens, no
 * temporary file stays and an existing output is whole.
 */
export async function rewriteModel(options: RewriteOptions): Promise<CopyReport> {
  const given = checkOptions('options', options, [...COPY_KEYS, 'visionType', 'threads']);
  const visionType = checkOneOf('visionType', given.visionType ?? 'keep', VISION_TYPES);
  const threads = checkInteger('threads', given.threads ?? 0, { min: 0, max: 1024 });
  return copy('model', given, { visionType, threads });
}

/**
 * Writes the text model alone as a file of the architecture "llama", which llama.cpp and the programs built on it load.
 * It has no cross-attention layers and computes what the model computes where there is no image; weights keep their bytes.
 *
 * Rejects as `rewriteModel`.
 */
export async function exportText(options: CopyOptions): Promise<CopyReport> {
  const given = checkOptions('options', options, COPY_KEYS);
  return copy('text', given, { visionType: 'keep', threads: 0 });
}

const COPY_KEYS = ['source', 'projector', 'output', 'ollamaGates', 'ollamaHeads', 'onProgress', 'signal'];

async function copy(
  what: 'model' | 'text',
  given: Partial<CopyOptions>,
  options: { visionType: VisionType; threads: number },
): Promise<CopyReport> {
  const started = performance.now();
  const output = checkPath('output', given.output);
  const onProgress = checkCallback('onProgress', given.onProgress);
  const signal = given.signal === undefined ? undefined : checkSignal('signal', given.signal);
  const files = await filesOf(given);
  await checkOutput(files, output);
  const { ModelCopy } = loadNative();
  let work: NativeModelCopy | undefined;
  try {
    work = new ModelCopy(what, files, output, options);
    const bytes = await writeAll(work, onProgress, signal);
    return { output, bytes, seconds: (performance.now() - started) / 1000 };
  } finally {
    work?.abort();
  }
}

async function filesOf(given: Partial<CopyOptions>): Promise<NativeModelFiles> {
  const projector = given.projector === undefined ? null : checkPath('projector', given.projector);
  const gates = ['auto', 'raw', 'activated'] as const;
  const heads = ['auto', 'paired', 'halves'] as const;
  const ollamaGates = checkOneOf('ollamaGates', given.ollamaGates ?? 'auto', gates);
  const ollamaHeads = checkOneOf('ollamaHeads', given.ollamaHeads ?? 'auto', heads);
  const found: ModelFiles = await locateFiles(checkPath('source', given.source), projector);
  return { path: found.path, projectorPath: found.projector ?? '', ollamaGates, ollamaHeads };
}

/** The source must outlive the output. */
async function checkOutput({ path, projectorPath }: NativeModelFiles, output: string): Promise<void> {
  const target = await realpath(output).catch(() => undefined);
  if (target === undefined) return;
  for (const source of [path, projectorPath]) {
    if (source !== '' && (await realpath(source)) === target) {
      throw new InvalidOptionError(`output is ${output}, which is read from; name another file`);
    }
  }
}

async function writeAll(
  work: NativeModelCopy,
  onProgress: ((value: number) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  for (;;) {
    signal?.throwIfAborted();
    const { bytesDone, bytesTotal } = await typed(work.step());
    onProgress?.(bytesDone / bytesTotal);
    if (bytesDone < bytesTotal) continue;
    await typed(work.finish());
    return bytesTotal;
  }
}

async function typed<T>(call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    throw toBllossomError(error);
  });
}
