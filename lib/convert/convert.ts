import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  checkCallback,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkPath,
  checkSignal,
  fail,
  reading,
} from '../check.js';
import { InvalidOptionError, toBllossomError } from '../errors.js';
import type { NativeConversionLoss, NativeGgufWriter } from '../native/binding.js';
import { loadNative } from '../native/load.js';
import { callersFiles } from './callers-files.js';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import { openCheckpointFolder } from './checkpoint-folder.js';
import { INTERMEDIATE_STATES, type IntermediateStates, readHyperParameters } from './hyper-parameters.js';
import { type Importance, readImportance } from './imatrix.js';
import { buildMetadata } from './metadata.js';
import { type PlannedTensor, planTensors } from './plan.js';
import { type ConversionReport, reportTensors } from './report.js';
import type { CheckpointFiles, TensorSource } from './tensor-source.js';
import { readTokenizer } from './tokenizer.js';
import { CONVERSION_TYPES, type ConversionType, usesImportance } from './types.js';

export type { ConversionReport, ConvertedTensor } from './report.js';

export interface ConversionOptions {
  /** The folder of a Hugging Face checkpoint, or any other place that can read one. */
  source: string | CheckpointFiles;
  /** The GGUF file to write. It appears, or replaces an old one, only when it is complete. */
  output: string;
  /** Default "Q4_K_M". */
  type?: ConversionType | undefined;
  /**
   * An importance matrix: a GGUF file that `bllossom imatrix` has made with this model. The types from Q6_K down lose
   * less with it; Q2_K_S cannot be made without. Default: none.
   */
  imatrix?: string | undefined;
  /** Which states the checkpoint's intermediate_layers_indices mean. Default "entering". */
  intermediates?: IntermediateStates | undefined;
  /** Threads that convert; 0 (default): all of the machine. */
  threads?: number | undefined;
  /** What it throws ends the conversion, which rejects with it. */
  onProgress?: ((progress: ConversionProgress) => void) | undefined;
  /** Stops the conversion between two pieces of a tensor. */
  signal?: AbortSignal | undefined;
}

export interface ConversionProgress {
  /** Name in the file of the tensor that was written last. */
  tensor: string;
  /** Of the checkpoint's tensors. */
  bytesDone: number;
  bytesTotal: number;
}

/** Bytes of a checkpoint that are in memory at once, where a unit of rows does not need more. */
const PIECE_BYTES = 32 * 1024 * 1024;

/**
 * Converts a Hugging Face checkpoint of a Mllama model to one GGUF file (docs/gguf.md).
 *
 * Rejects with InvalidOptionError, ModelNotFoundError, ModelFormatError, ModelUnsupportedError, IoError, or with the
 * signal's reason. Whatever happens, no temporary file stays and an existing output is whole.
 */
export async function convertCheckpoint(options: ConversionOptions): Promise<ConversionReport> {
  const { source, output, type, intermediates, imatrix, threads, ...listeners } = resolveOptions(options);
  const started = performance.now();
  const files = typeof source === 'string' ? await openCheckpointFolder(source) : callersFiles(source);
  if (typeof source === 'string') await checkOutput(source, output);
  const checkpoint = await openCheckpoint(files);
  try {
    const { metadata, plan } = planConversion(checkpoint, { type, weighted: imatrix !== undefined }, intermediates);
    const importance = imatrix === undefined ? undefined : await readImportance(imatrix, plan);
    const tensors = plan.map((planned) => nativePlan(planned, type, importance));
    const { GgufWriter } = loadNative();
    const writer = await native(() => new GgufWriter(output, metadata, tensors, { threads }));
    let losses: NativeConversionLoss[];
    try {
      losses = await writeTensors(writer, checkpoint.tensors, plan, listeners);
      await native(() => writer.finish());
    } finally {
      writer.abort();
    }
    const report = reportTensors(plan, losses, importance);
    return { output, type, ...report, seconds: (performance.now() - started) / 1000 };
  } finally {
    await checkpoint.close();
  }
}

/** A call of the addon, its failure typed. */
async function native<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toBllossomError(error);
  }
}

/**
 * A tensor as the writer takes it.
 *
 * @throws InvalidOptionError where its type cannot do without importance weights: Q2_K in a mix that has little else
 */
function nativePlan({ name, type, ne }: PlannedTensor, requested: ConversionType, importance: Importance | undefined) {
  const weights = usesImportance(type) ? importance?.get(name) : undefined;
  const isLayer = name.startsWith('blk.');
  if (requested === 'Q2_K_S' && type === 'Q2_K' && isLayer && weights === undefined) {
    throw new InvalidOptionError(
      `Q2_K_S needs importance weights for ${name}, ` +
        `${importance === undefined ? 'and no importance matrix is given' : 'and the importance matrix has none'}; ` +
        'make one with "bllossom imatrix", or take Q2_K',
    );
  }
  return { name, type, ne, importance: weights };
}

const KEYS = ['source', 'output', 'type', 'intermediates', 'imatrix', 'threads', 'onProgress', 'signal'];

/** The options, checked and complete. */
function resolveOptions(options: ConversionOptions) {
  const given = checkOptions('options', options, KEYS);
  const { source, output, type = 'Q4_K_M', intermediates = 'entering', threads = 0, onProgress, signal } = given;
  const { imatrix } = given;
  return {
    onProgress: checkCallback('onProgress', onProgress),
    signal: signal === undefined ? undefined : checkSignal('signal', signal),
    source: checkSource(source),
    output: checkPath('output', output),
    type: checkOneOf('type', type, CONVERSION_TYPES),
    imatrix: imatrix === undefined ? undefined : checkPath('imatrix', imatrix),
    intermediates: checkOneOf('intermediates', intermediates, INTERMEDIATE_STATES),
    threads: checkInteger('threads', threads, { min: 0, max: 1024 }),
  };
}

function checkSource(source: ConversionOptions['source'] | undefined): string | CheckpointFiles {
  if (typeof source === 'string') return checkPath('source', source);
  if (reading('source cannot be read', () => typeof source?.list === 'function')) return source as CheckpointFiles;
  return fail('source', 'the path of a folder or an object that reads a checkpoint', source);
}

/** An old GGUF file may be replaced; a file of the checkpoint would be lost. */
async function checkOutput(source: string, output: string): Promise<void> {
  const old = await stat(output).catch(() => undefined);
  if (!old?.isFile() || output.toLowerCase().endsWith('.gguf')) return;
  if ((await realpath(dirname(output))) === (await realpath(source))) {
    throw new InvalidOptionError(`output is ${output}, a file of the checkpoint; name one that ends in .gguf`);
  }
}

function planConversion(
  checkpoint: Checkpoint,
  mix: { type: ConversionType; weighted: boolean },
  intermediates: IntermediateStates,
) {
  const hp = readHyperParameters(checkpoint, intermediates);
  const tokenizer = readTokenizer(checkpoint, hp.text.vocabSize, hp.imageTokenId);
  const plan = planTensors(checkpoint.tensors.tensors, hp, mix);
  return { plan, metadata: buildMetadata(hp, tokenizer, checkpoint.chatTemplate, mix.type) };
}

/** Returns what each tensor of the plan lost. */
async function writeTensors(
  writer: NativeGgufWriter,
  source: TensorSource,
  plan: PlannedTensor[],
  { onProgress, signal }: Pick<ConversionOptions, 'onProgress' | 'signal'>,
): Promise<NativeConversionLoss[]> {
  const losses: NativeConversionLoss[] = [];
  const bytesTotal = plan.reduce((sum, { source: from }) => sum + ('tensor' in from ? from.tensor.bytes : 0), 0);
  let bytesDone = 0;
  for (const [index, planned] of plan.entries()) {
    const loss = { squaredError: 0, squaredSum: 0 };
    losses.push(loss);
    for await (const { bytes, type } of pieces(source, planned)) {
      signal?.throwIfAborted();
      const { squaredError, squaredSum } = await native(() => writer.write(index, bytes, type));
      loss.squaredError += squaredError;
      loss.squaredSum += squaredSum;
      bytesDone += 'tensor' in planned.source ? bytes.length : 0;
      onProgress?.({ tensor: planned.name, bytesDone, bytesTotal });
    }
  }
  return losses;
}

/** A tensor in pieces of whole units of rows, reordered. */
async function* pieces(source: TensorSource, { ne, source: from }: PlannedTensor) {
  if ('values' in from) {
    const { buffer, byteOffset, byteLength } = from.values;
    yield { bytes: new Uint8Array(buffer, byteOffset, byteLength), type: 'F32' as const };
    return;
  }
  const { tensor, sourceType, transform } = from;
  const elementBytes = sourceType === 'F32' ? 4 : 2;
  const rowBytes = (ne[0] as number) * elementBytes;
  const unitBytes = rowBytes * (transform?.unitRows ?? 1);
  const pieceBytes = Math.max(1, Math.floor(PIECE_BYTES / unitBytes)) * unitBytes;
  for (let offset = 0; offset < tensor.bytes; offset += pieceBytes) {
    const bytes = await source.read(tensor.name, offset, Math.min(pieceBytes, tensor.bytes - offset));
    yield { bytes: transform?.apply(bytes, rowBytes, elementBytes) ?? bytes, type: sourceType };
  }
}
