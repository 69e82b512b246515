/** Collects an importance matrix: which columns of the weights meet large inputs, for `convert --imatrix`. */

import { access, constants, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import {
  checkArray,
  checkCallback,
  checkInstance,
  checkInteger,
  checkOptions,
  checkPath,
  checkSignal,
  checkText,
} from '../check.js';
import { InvalidArgumentError, IoError } from '../errors.js';
import { type LoadedModel, ModelManager } from '../model-manager.js';
import type { NativeEvaluateRequest } from '../native/binding.js';
import { TASK_PROMPTS } from '../vision-tasks.js';
import { readCorpus } from './corpus.js';
import { findPictures, prepare, promptAbout } from './pictures.js';

export interface ImportanceOptions {
  /** The file to write, in llama.cpp's GGUF form. It appears, or replaces an old one, only when it is complete. */
  output: string;
  /** UTF-8 text files. */
  texts?: readonly string[] | undefined;
  /** Pictures and folders of pictures. A text file beside one, `a.txt` for `a.png`, is taken for the answer about it. */
  images?: readonly string[] | undefined;
  /** What is asked about every picture. Default: the Korean question of `VisionGenerator.describeImage` */
  prompt?: string | undefined;
  /** An older file of the same model, whose sums are added to. */
  from?: string | undefined;
  /** Tokens that are read as one text, begin-of-text included. Default: 512 */
  chunk?: number | undefined;
  /** Chunks of text at most. Default: all */
  maxChunks?: number | undefined;
  /** Called before the first and after every chunk and picture. What it throws ends the collection. */
  onProgress?: ((progress: ImportanceProgress) => void) | undefined;
  /** Ends the collection; nothing is written then. */
  signal?: AbortSignal | undefined;
}

export interface ImportanceProgress {
  /** Chunks and pictures. */
  done: number;
  total: number;
}

export interface ImportanceReport {
  output: string;
  /** Of text. */
  chunks: number;
  images: number;
  /** Of both. */
  tokens: number;
  seconds: number;
}

/** One run of the model. */
interface Sample {
  tokens: number;
  request(): Promise<NativeEvaluateRequest>;
}

/** The logits of every row are computed: 64 MiB of them with the vocabulary of Llama 3. */
const ROWS_PER_GRAPH = 128;
const MAX_PATHS = 1_000_000;

/**
 * Runs texts and pictures through a loaded model and writes how large the inputs of every weight matrix were. Take the
 * model as exact as it fits, BF16 or Q8_0, and texts and pictures like those it will see.
 *
 * Counted are the rows whose results matter: of a picture the rows of its real tiles, not those that pad it; in a
 * cross-attention layer the tokens that see a picture. Without pictures the file has nothing for the vision tower.
 * Other requests of the manager take turns with the chunks and pictures, and are best left out: while they hold the
 * context, a chunk fails with ContextFullError.
 *
 * Rejects with InvalidArgumentError (also for a file that is not UTF-8, or is empty, and while another collection runs
 * with this manager), ModelNotLoadedError, ModelFormatError and ModelNotFoundError about `from`, IoError,
 * ImageDecodeError, ImageLimitError, ContextFullError, ModelOutputError for weights that make NaN, ClosedError, or with
 * the signal's reason.
 */
export async function collectImportance(manager: ModelManager, options: ImportanceOptions): Promise<ImportanceReport> {
  checkInstance('modelManager', manager, ModelManager, 'a ModelManager');
  const given = resolveOptions(options);
  const model = manager.requireModel();
  const started = performance.now();
  await checkFolder(given.output);
  const chunks = await textSamples(model, given);
  const pictures = await pictureSamples(model, given);
  await model.engine.beginImportance(given.from);
  try {
    await collectAll(model, [...chunks, ...pictures], given);
    const datasets = [...given.texts, ...given.images].map((path) => basename(path));
    await model.engine.writeImportance({ path: given.output, datasets, chunkSize: given.chunk });
  } finally {
    // It fails only when the model is gone, and with it what was collected.
    await model.engine.endImportance().catch(() => {});
  }
  const tokens = [...chunks, ...pictures].reduce((sum, sample) => sum + sample.tokens, 0);
  const seconds = (performance.now() - started) / 1000;
  return { output: given.output, chunks: chunks.length, images: pictures.length, tokens, seconds };
}

type Resolved = ReturnType<typeof resolveOptions>;

const KEYS = ['output', 'texts', 'images', 'prompt', 'from', 'chunk', 'maxChunks', 'onProgress', 'signal'];

function resolveOptions(options: ImportanceOptions) {
  const given = checkOptions('options', options, KEYS);
  const { texts = [], images = [], prompt = TASK_PROMPTS.ko.describe, from, chunk = 512, maxChunks, signal } = given;
  const resolved = {
    output: checkPath('output', given.output),
    texts: checkArray('texts', texts, MAX_PATHS).map((path, i) => checkPath(`texts[${i}]`, path)),
    images: checkArray('images', images, MAX_PATHS).map((path, i) => checkPath(`images[${i}]`, path)),
    prompt: checkText('prompt', prompt),
    from: from === undefined ? null : checkPath('from', from),
    chunk: checkInteger('chunk', chunk, { min: 8, max: 1 << 20 }),
    maxChunks: maxChunks === undefined ? Number.POSITIVE_INFINITY : checkInteger('maxChunks', maxChunks, { min: 1 }),
    onProgress: checkCallback('onProgress', given.onProgress),
    signal: signal === undefined ? undefined : checkSignal('signal', signal),
  };
  if (resolved.texts.length > 0 || resolved.images.length > 0) return resolved;
  throw new InvalidArgumentError('There is nothing to collect from: name texts, images or both');
}

/** Before hours of work, and not after them. */
async function checkFolder(output: string): Promise<void> {
  const folder = dirname(output);
  try {
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new IoError(`Cannot write ${output}: ${(cause as Error).message}`, { cause });
  }
  const old = await stat(output).catch(() => undefined);
  if (old && !old.isFile()) throw new IoError(`Cannot write ${output}: it exists and is not a file`);
}

async function textSamples({ info, engine }: LoadedModel, given: Resolved): Promise<Sample[]> {
  if (given.chunk > info.contextSize) {
    throw new InvalidArgumentError(
      `Expected a chunk of at most ${info.contextSize} tokens, the context of the loaded model, but received ${given.chunk}`,
    );
  }
  const bos = info.addBos && info.bosToken !== '' ? [{ special: info.bosToken }] : [];
  const chunks = await readCorpus(given.texts, {
    size: given.chunk - bos.length,
    most: given.maxChunks,
    tokenize: (text) => engine.tokenize([{ text }]),
    signal: given.signal,
  });
  return chunks.map((tokens) => ({
    tokens: bos.length + tokens.length,
    request: async () => ({ prompt: [...bos, { tokens }], images: [], chunk: ROWS_PER_GRAPH }),
  }));
}

async function pictureSamples({ engine, processor }: LoadedModel, given: Resolved): Promise<Sample[]> {
  const pictures = await findPictures(given.images);
  return pictures.map((picture) => {
    const prompt = promptAbout(processor, picture, given.prompt);
    return {
      tokens: engine.tokenize(prompt).length,
      request: async () => {
        const { width: _width, height: _height, ...image } = await prepare(processor, picture, given.signal);
        return { prompt, images: [image], chunk: ROWS_PER_GRAPH };
      },
    };
  });
}

async function collectAll({ engine }: LoadedModel, samples: Sample[], { onProgress, signal }: Resolved): Promise<void> {
  onProgress?.({ done: 0, total: samples.length });
  for (const [index, sample] of samples.entries()) {
    signal?.throwIfAborted();
    await engine.collect(await sample.request(), { signal });
    onProgress?.({ done: index + 1, total: samples.length });
  }
}
